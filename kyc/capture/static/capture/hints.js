// Instant hints before the recording: cheap looks at a small picture. They advise and never refuse; the server judges.

const WIDTH = 64;
const HEIGHT = 48;
const DARK = 60; // mean level in the oval
const GLARE = 215;
const BACKLIT = 50; // levels that the surroundings may be brighter than the face
const SMALL = 0.4; // share of the oval that looks like skin
const ASIDE = 0.2; // of the oval's width: the skin's centre off the middle

export class Hints {
  constructor(video) {
    this.video = video;
    this.canvas = document.createElement("canvas");
    this.canvas.width = WIDTH;
    this.canvas.height = HEIGHT;
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
  }

  // "wait" | "more_light" | "less_light" | "backlight" | "closer" | "centre" | "good"
  look() {
    if (!this.video.videoWidth) return "wait";
    this.pen.drawImage(this.video, 0, 0, WIDTH, HEIGHT);
    return judge(measure(this.pen.getImageData(0, 0, WIDTH, HEIGHT).data));
  }
}

export function measure(data) {
  const seen = { inside: 0, insideLight: 0, outside: 0, outsideLight: 0, skin: 0, skinX: 0 };
  for (let y = 0; y < HEIGHT; y += 1) {
    for (let x = 0; x < WIDTH; x += 1) {
      const at = 4 * (y * WIDTH + x);
      const [r, g, b] = [data[at], data[at + 1], data[at + 2]];
      const light = 0.299 * r + 0.587 * g + 0.114 * b;
      const u = (x - WIDTH / 2) / (HEIGHT * 0.34);
      const v = (y - HEIGHT / 2) / (HEIGHT * 0.45);
      if (u * u + v * v > 1) { seen.outside += 1; seen.outsideLight += light; continue; }
      seen.inside += 1;
      seen.insideLight += light;
      if (skin(r, g, b)) { seen.skin += 1; seen.skinX += u / 2; }
    }
  }
  return {
    light: seen.insideLight / seen.inside, around: seen.outsideLight / seen.outside,
    skin: seen.skin / seen.inside, aside: seen.skin ? seen.skinX / seen.skin : 0,
  };
}

export function judge({ light, around, skin: share, aside }) {
  if (light < DARK) return around - light > BACKLIT ? "backlight" : "more_light";
  if (light > GLARE) return "less_light";
  if (around - light > 1.6 * BACKLIT) return "backlight";
  if (share < SMALL) return "closer";
  if (Math.abs(aside) > ASIDE) return "centre";
  return "good";
}

// chroma of skin of any tone lies in one patch (Chai and Ngan 1999): Cb 77..127, Cr 133..173; a little wider here
function skin(r, g, b) {
  const cb = 128 - 0.169 * r - 0.331 * g + 0.5 * b;
  const cr = 128 + 0.5 * r - 0.419 * g - 0.081 * b;
  return cb > 75 && cb < 130 && cr > 131 && cr < 178;
}
