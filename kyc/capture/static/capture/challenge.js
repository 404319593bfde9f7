// The steps, one after the other as the server hands them out, while the recorder films.

import { t } from "./words.js";
import { pause } from "./api.js";

const ARROWS = { left: "→", right: "←", up: "↑", down: "↓", closer: "⊕", centre: "", follow: "", colours: "" };
// The preview is a mirror: to turn to one's own left is to turn to the left of the mirror.
const MIRRORED = { left: "←", right: "→" };

export class Challenge {
  constructor(api, tab, clock, stage) {
    Object.assign(this, { api, tab, clock, stage, shown: null, stopped: false });
  }

  // runs all steps; throws Refused when the attempt is over
  async run() {
    for (let number = 0; ; number += 1) {
      const step = await this.api.post("steps", { tab: this.tab, clock: this.clock(), shown: this.shown, step: number },
        { patience: 20000 });
      await this.show(step);
      if (step.last || this.stopped) return;
    }
  }

  async show(step) {
    const { stage } = this;
    await painted();
    stage.say(t(`step_${step.kind}`), MIRRORED[step.kind] || ARROWS[step.kind]);
    document.documentElement.dataset.step = step.kind;
    document.documentElement.dataset.stepNumber = step.number;
    this.shown = this.clock();
    const ends = performance.now() + 1000 * step.seconds;
    if (step.kind === "colours") await this.colours(step);
    else if (step.kind === "follow") await this.follow(step);
    else await this.thereAndBack(step);
    await pause(Math.max(0, ends - performance.now()));
    document.documentElement.dataset.step = "";
    stage.say(t("step_next"), "");
  }

  async thereAndBack(step) {
    if (step.kind === "centre") return;
    await pause(1000 * step.seconds * 0.5);
    this.stage.say(t("step_back"), "");
  }

  async colours(step) {
    const begins = performance.now();
    const due = (s) => pause(Math.max(0, begins + 1000 * s - performance.now()));
    this.stage.lamp("rgb(0 0 0)");
    for (const [i, rgb] of step.rgb.entries()) {
      await due(step.dark_seconds + i * step.flash_seconds);
      this.stage.lamp(`rgb(${rgb.join(" ")})`);
    }
    await due(step.dark_seconds + step.rgb.length * step.flash_seconds);
    this.stage.lamp("rgb(0 0 0)");
    await due(step.seconds);
    this.stage.lamp(null);
  }

  async follow(step) {
    const begins = performance.now();
    const places = [[0, 0], ...step.path, [0, 0]];
    for (const [i, [x, y]] of places.entries()) {
      await pause(Math.max(0, begins + 1000 * i * step.point_seconds - performance.now()));
      this.stage.point(x, y);
    }
    await pause(Math.max(0, begins + 1000 * step.seconds - performance.now()));
    this.stage.point(null);
  }
}

// after two frames what was set before is on the screen; hidden pages draw none
const painted = () => Promise.race([
  new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))), pause(150)]);
