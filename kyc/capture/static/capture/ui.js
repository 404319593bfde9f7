// Screens out of plain elements. No HTML strings: the policy of the page forbids them (trusted types).

const main = document.getElementById("main");
const live = document.getElementById("live");

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// One screen at a time; its heading is focused, so that a screen reader begins there.
export function show(name, ...children) {
  document.documentElement.dataset.screen = name;
  main.replaceChildren(...children.filter(Boolean));
  const heading = main.querySelector("h1");
  if (heading) { heading.tabIndex = -1; heading.focus({ preventScroll: true }); }
  window.scrollTo(0, 0);
}

export const card = (...children) => make("section", { class: "card" }, ...children);
export const title = (text) => make("h1", {}, text);
export const text = (words, kind) => make("p", kind ? { class: kind } : {}, words);
export const list = (items, tag = "ul") => make(tag, {}, ...items.map((item) => make("li", {}, item)));
export const actions = (...buttons) => make("div", { class: buttons.filter(Boolean).length > 1 ? "actions pair" : "actions" },
  ...buttons);
export const mark = (sign, kind) => make("div", { class: `mark ${kind}`, "aria-hidden": "true" }, sign);

export function button(words, press, { main: first = false, id } = {}) {
  return make("button", { type: "button", class: first ? "main" : null, id, onclick: press }, words);
}

export function announce(words) {
  live.textContent = words;
}

// the oval with the mirrored camera picture, and what is written above and below it
export class Stage {
  constructor(label) {
    this.video = make("video", { autoplay: true, muted: true, playsinline: true, "aria-label": label });
    this.video.muted = true;
    this.heading = title("");
    this.arrow = make("div", { class: "arrow", "aria-hidden": "true" });
    this.oval = make("div", { class: "oval" }, this.video, this.arrow);
    this.below = make("div", { class: "stage" });
    this.element = make("div", { class: "stage" }, this.heading, this.oval, this.below);
    this.dot = null;
  }

  async play(stream) {
    this.video.srcObject = stream;
    await this.video.play().catch(() => {});
  }

  say(words, arrow = "") {
    this.heading.textContent = words;
    this.arrow.textContent = arrow;
    announce(words);
  }

  lamp(colour) {
    document.body.classList.toggle("lamp", colour !== null);
    if (colour === null) document.body.style.removeProperty("--lamp");
    else document.body.style.setProperty("--lamp", colour);
    document.documentElement.dataset.lamp = colour || "";
  }

  // x, y: -1..1 of the screen, right and down; null takes the point away
  point(x, y) {
    document.documentElement.dataset.point = x === null ? "" : `${x} ${y}`;
    if (x === null) { this.dot?.remove(); this.dot = null; return; }
    if (!this.dot) { this.dot = make("div", { id: "point", "aria-hidden": "true" }); document.body.append(this.dot); }
    this.dot.style.left = `${50 + 42 * x}%`;
    this.dot.style.top = `${50 + 40 * y}%`;
  }

  leave() {
    this.lamp(null);
    this.point(null);
    this.video.srcObject = null;
  }
}
