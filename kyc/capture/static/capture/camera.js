// The camera, and frames of it as JPEG files. Frames are never mirrored; only the preview is.

export const RATE = 10; // frames a second
const SIDE = 480; // px, the longer side: what the judge works at
const QUALITY = 0.8;

export async function open(facing = "user") {
  if (!navigator.mediaDevices?.getUserMedia) throw Object.assign(new Error(), { name: "NotSupportedError" });
  return navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 960 }, frameRate: { ideal: 30 } },
  });
}

export function close(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

export const label = (stream) => stream.getVideoTracks()[0]?.label || "";

export class Grabber {
  constructor(video, side = SIDE, quality = QUALITY) {
    this.video = video;
    this.quality = quality;
    this.side = side;
    this.canvas = document.createElement("canvas");
    this.pen = this.canvas.getContext("2d", { willReadFrequently: false });
    this.fresh = true;
    this.watch();
  }

  // Each picture of the camera once: a repeated one looks like a frozen film. Old browsers cannot tell.
  watch() {
    if (!this.video.requestVideoFrameCallback) return;
    this.video.requestVideoFrameCallback(() => {
      this.fresh = true;
      this.watch();
    });
  }

  // a JPEG of what the camera sees now; null when there is nothing new
  async grab() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width || !this.fresh) return null;
    this.fresh = !this.video.requestVideoFrameCallback;
    const scale = Math.min(1, this.side / Math.max(width, height));
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.pen.drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    return new Promise((done) => this.canvas.toBlob(done, "image/jpeg", this.quality));
  }
}
