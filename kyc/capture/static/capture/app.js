// The page: reads the session, shows the screen that its state asks for, does what the person chooses, reads it again.

import { Api, pause, Refused } from "./api.js";
import * as camera from "./camera.js";
import { Challenge } from "./challenge.js";
import * as documents from "./document.js";
import { Hints } from "./hints.js";
import { Recorder } from "./recorder.js";
import { wear } from "./theme.js";
import { actions, announce, button, card, list, make, mark, show, Stage, text, title } from "./ui.js";
import { language, LANGUAGES, preferred, speak, t } from "./words.js";

const HELD = "vouch-capture"; // sessionStorage: this window's token survives a reload, and no longer
const LOOK = 250; // ms between hints

const state = { session: null, api: null, tab: null, again: null };

start();

async function start() {
  await speak(preferred());
  offerLanguages();
  const token = takeToken();
  if (!token) return bad("bad_link");
  state.tab = sessionStorage.getItem(`${HELD}-tab`) || crypto.randomUUID();
  sessionStorage.setItem(`${HELD}-tab`, state.tab);
  state.api = new Api(token, tellConnection);
  try {
    await read();
    await speak(preferred(state.session.language));
    document.getElementById("language").value = language;
    await go();
  } catch (error) {
    failed(error);
  }
}

// The token leaves the address bar: it must not stay in the history nor be read over a shoulder.
function takeToken() {
  const given = location.hash.slice(1);
  if (given) {
    if (given !== sessionStorage.getItem(HELD)) sessionStorage.removeItem(`${HELD}-tab`);
    sessionStorage.setItem(HELD, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(HELD);
}

async function read() {
  state.session = await state.api.get("session");
  wear(state.session.theme, state.session.tenant);
}

const names = () => ({ tenant: state.session?.theme?.name || state.session?.tenant || "" });
const say = (key, more = {}) => t(key, { ...names(), ...more });

// The screen for the session as it is now.
async function go() {
  const { session } = state;
  document.title = say("title");
  document.documentElement.dataset.state = session.state;
  state.again = go;
  switch (session.state) {
    case "created": return welcome();
    case "declined": return declined();
    case "ready": return session.hints.length ? retry() : prepare();
    case "recording": return session.attempt?.tab === state.tab ? interrupted() : elsewhere();
    case "judging": return waitForVerdict();
    case "passed": return identityDocument();
    case "completed": return end("done", "✓", "good");
    case "failed": return end("failed", "!", "bad");
    default: return end("over", "!", "wait");
  }
}

function welcome() {
  const decide = (agreed) => once(async () => {
    state.session = await state.api.post("consent", { agreed, language });
    await go();
  });
  show("welcome", card(
    title(say("welcome")), text(say("welcome_why")),
    make("h2", {}, say("what_happens")),
    list([say("what_1"), say("what_2"), state.session.document && say("what_3")].filter(Boolean), "ol"),
    make("h2", {}, say("what_data")), text(say("data_1")), text(say("data_2")),
    text(say("choice"), "quiet"),
    // neither is dressed as the one to press: consent is a choice
    actions(button(say("agree"), decide(true), { id: "agree" }),
      button(say("disagree"), decide(false), { id: "disagree" }))));
}

function declined() {
  const reconsider = () => { state.session.state = "created"; go(); };
  show("declined", card(mark("–", "wait"), title(say("declined_title")), text(say("declined_text")),
    actions(back(), button(say("declined_again"), reconsider, { id: "again" }))));
}

function prepare() {
  show("prepare", card(title(say("ready")), text(say("ready_text")),
    text(say("attempts_left", { n: state.session.attempts_left }), "quiet"),
    actions(button(say("open_camera"), once(aim), { main: true, id: "open-camera" }))));
}

function retry() {
  show("retry", card(mark("!", "wait"), title(say("again_title")), text(say("again_text")),
    list(state.session.hints.map((hint) => say(`tip_${hint}`))),
    text(say("attempts_left", { n: state.session.attempts_left }), "quiet"),
    actions(button(say("try_again"), once(aim), { main: true, id: "open-camera" }))));
}

function interrupted() {
  const left = state.session.attempts_left;
  show("interrupted", card(mark("!", "wait"), title(say("interrupted_title")), text(say("interrupted_text")),
    text(say("attempts_left", { n: left }), "quiet"),
    left ? actions(button(say("try_again"), once(() => aim(true)), { main: true, id: "open-camera" })) : null));
}

function elsewhere() {
  show("elsewhere", card(mark("!", "wait"), title(say("elsewhere_title")), text(say("elsewhere_text")),
    text(say("attempts_left", { n: state.session.attempts_left }), "quiet"),
    actions(button(say("go_on_here"), once(() => aim(true)), { main: true, id: "go-on-here" }))));
}

// The oval answers at once; the person decides when to start.
async function aim(takeOver = false) {
  let stream;
  try {
    stream = await camera.open();
  } catch (error) {
    return noCamera(error);
  }
  const stage = new Stage(say("mirror"));
  stage.say(say("hint_wait"));
  stage.below.append(actions(button(say("start"), once(async () => {
    clearInterval(looking);
    await record(stage, stream, takeOver === true);
  }), { main: true, id: "start" })));
  show("aim", stage.element);
  await stage.play(stream);
  const hints = new Hints(stage.video);
  const looking = setInterval(() => {
    const seen = hints.look();
    if (stage.hint === seen) return;
    stage.hint = seen;
    stage.say(say(`hint_${seen}`));
    stage.oval.classList.toggle("good", seen === "good");
  }, LOOK);
}

async function record(stage, stream, takeOver) {
  const began = performance.now();
  const clock = () => (performance.now() - began) / 1000;
  const recorder = new Recorder(stage.video, state.api, clock);
  try {
    state.session = await state.api.post("attempts",
      { tab: state.tab, camera: camera.label(stream), take_over: takeOver });
    stage.below.replaceChildren(make("p", { class: "recording" }, say("recording")));
    show("recording", stage.element);
    recorder.start();
    const challenge = new Challenge(state.api, state.tab, clock, stage);
    await challenge.run();
    await send(recorder, challenge, clock);
  } catch (error) {
    recorder.stop();
    if (["open_elsewhere", "not_now"].includes(error.code)) return moved();
    throw error;
  } finally {
    stage.leave();
    camera.close(stream);
  }
  await go();
}

async function send(recorder, challenge, clock) {
  const bar = make("progress", { max: 1, value: 0, "aria-label": say("sending") });
  const line = text("");
  show("sending", card(title(say("sending")), bar, line));
  const chunks = await recorder.finish((sent, made) => {
    bar.max = made;
    bar.value = sent;
    line.textContent = say("sending_text", { sent, made });
  });
  state.session = await state.api.post("finish", { tab: state.tab, clock: clock(), shown: challenge.shown, chunks });
}

async function waitForVerdict() {
  show("checking", card(mark("…", "wait"), title(say("checking")), text(say("checking_text")),
    make("progress", { "aria-label": say("checking") })));
  while (state.session.state === "judging") {
    await pause(400);
    await read();
  }
  await go();
}

async function identityDocument(problem) {
  const picture = await documents.choose(problem);
  show("document-sending", card(title(say("document_sending")), make("progress", { "aria-label": say("document_sending") })));
  try {
    state.session = await state.api.put("portrait", picture, picture.type || "application/octet-stream");
  } catch (error) {
    if (error instanceof Refused && error.status >= 400 && error.status < 500 && error.status !== 410) {
      return identityDocument(say("document_refused"));
    }
    throw error;
  }
  await go();
}

function noCamera(error) {
  const kind = error.name === "NotAllowedError" || error.name === "SecurityError" ? "denied" : "no_camera";
  show(kind, card(mark("!", "bad"), title(say(`${kind}_title`)), text(say(`${kind}_text`)),
    actions(button(say("try_again"), once(aim), { main: true, id: "open-camera" }))));
  announce(say(`${kind}_title`));
}

function moved() {
  show("moved", card(mark("!", "wait"), title(say("moved_title")), text(say("moved_text"))));
}

function end(kind, sign, colour) {
  if (kind === "done" || kind === "failed") sessionStorage.removeItem(`${HELD}-tab`);
  show(kind, card(mark(sign, colour), title(say(`${kind}_title`)), text(say(`${kind}_text`)), actions(back())));
}

function bad(kind) {
  show(kind, card(mark("!", "wait"), title(say(`${kind}_title`)), text(say(`${kind}_text`))));
}

const back = () => state.session?.return_url
  ? make("a", { class: "button main", href: state.session.return_url, rel: "noreferrer" }, say("back_to")) : null;

function failed(error) {
  if (error.status === 401) return bad("bad_link");
  if (error.status === 410) return bad("over");
  const kind = error instanceof Refused ? "trouble" : "lost";
  const again = once(async () => { await read(); await go(); });
  show(kind, card(mark("!", "bad"), title(say(`${kind}_title`)), text(say(`${kind}_text`)),
    actions(button(say("try_again"), again, { main: true, id: "again" }))));
}

// a press does its work once; what fails is said
function once(work) {
  let busy = false;
  return async (event) => {
    if (busy) return;
    busy = true;
    const pressed = event?.currentTarget;
    if (pressed) pressed.disabled = true;
    try {
      await work();
    } catch (error) {
      failed(error);
    } finally {
      busy = false;
      if (pressed) pressed.disabled = false;
    }
  };
}

function tellConnection(works) {
  const line = document.getElementById("offline");
  line.hidden = works;
  line.textContent = works ? "" : say("offline");
}

function offerLanguages() {
  const select = document.getElementById("language");
  select.append(...Object.entries(LANGUAGES).map(([code, name]) => make("option", { value: code, lang: code }, name)));
  select.value = language;
  select.addEventListener("change", async () => {
    await speak(select.value);
    document.getElementById("language-label").textContent = say("language");
    const screen = document.documentElement.dataset.screen;
    if (state.again && !["recording", "sending", "checking", "aim"].includes(screen)) await state.again();
  });
}
