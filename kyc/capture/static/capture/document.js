// The picture side of the ID document: by the camera or from a file.

import { close, Grabber, open } from "./camera.js";
import { t } from "./words.js";
import { actions, announce, button, card, make, show, text, title } from "./ui.js";

const SIDE = 2000; // px: finer than any portrait on a document needs
const QUALITY = 0.9;

// resolves with the JPEG that the person chose to send
export function choose(problem) {
  return new Promise((done) => ask(done, problem));
}

function ask(done, problem) {
  const file = make("input", { type: "file", accept: "image/jpeg,image/png,image/webp,image/*", class: "unseen",
    id: "file", tabindex: "-1", "aria-hidden": "true" });
  file.addEventListener("change", async () => { if (file.files[0]) preview(done, await smaller(file.files[0])); });
  show("document", card(
    title(t("document")), text(t("document_text")),
    problem && make("p", { role: "alert" }, problem),
    actions(button(t("document_camera"), () => shoot(done), { main: true, id: "document-camera" }),
      button(t("document_file"), () => file.click(), { id: "document-file" })), file));
}

async function shoot(done) {
  let stream;
  try {
    stream = await open("environment");
  } catch {
    ask(done, t("no_camera_text"));
    return;
  }
  const video = make("video", { class: "shot", autoplay: true, playsinline: true, "aria-label": t("document_preview") });
  video.muted = true;
  video.srcObject = stream;
  const take = async () => {
    const picture = await new Grabber(video, SIDE, QUALITY).grab();
    if (!picture) return;
    close(stream);
    preview(done, picture);
  };
  show("document-camera", card(title(t("document")), text(t("document_text"), "quiet"), video,
    actions(button(t("document_shoot"), take, { main: true, id: "document-shoot" }))));
  await video.play().catch(() => {});
}

function preview(done, picture) {
  const address = URL.createObjectURL(picture);
  const leave = (then) => { URL.revokeObjectURL(address); then(); };
  announce(t("document_preview"));
  show("document-preview", card(title(t("document")),
    make("img", { class: "shot", src: address, alt: t("document_preview") }),
    actions(button(t("document_use"), () => leave(() => done(picture)), { main: true, id: "document-use" }),
      button(t("document_retake"), () => leave(() => ask(done)), { id: "document-retake" }))));
}

// a large photograph takes minutes on a slow line; what the browser cannot read goes as it is
async function smaller(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (!picture || Math.max(picture.width, picture.height) <= SIDE) return file;
  const scale = SIDE / Math.max(picture.width, picture.height);
  const canvas = make("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
}
