// Frames into chunks, chunks to the server: one after the other, each until it is there.

import { Grabber, RATE } from "./camera.js";
import { pause } from "./api.js";

const CHUNK = 10; // frames: about a second, 200 to 400 kB

export class Recorder {
  constructor(video, api, clock) {
    this.grabber = new Grabber(video);
    this.api = api;
    this.clock = clock; // () => s since the attempt began
    this.frames = [];
    this.queue = [];
    this.made = 0;
    this.sent = 0;
    this.failure = null;
    this.running = false;
  }

  start() {
    this.running = true;
    this.filming = this.film();
    this.uploading = this.upload();
  }

  async film() {
    let next = performance.now();
    while (this.running) {
      const at = this.clock();
      const blob = await this.grabber.grab();
      if (blob) this.frames.push({ at, blob });
      if (this.frames.length >= CHUNK) this.close();
      next = Math.max(next + 1000 / RATE, performance.now());
      await pause(next - performance.now());
    }
  }

  close() {
    if (!this.frames.length) return;
    this.queue.push({ number: this.made, frames: this.frames });
    this.made += 1;
    this.frames = [];
  }

  // the last frames; resolves when nothing is left to send. told(sent, made) after each chunk
  async finish(told) {
    this.running = false;
    await this.filming;
    this.close();
    this.told = told;
    told(this.sent, this.made);
    this.last = true;
    await this.uploading;
    if (this.failure) throw this.failure;
    return this.made;
  }

  stop() {
    this.running = false;
    this.last = true;
    this.queue = [];
  }

  async upload() {
    while (!this.last || this.queue.length) {
      const chunk = this.queue[0];
      if (!chunk) { await pause(100); continue; }
      try {
        await this.api.put(`chunks/${chunk.number}`, await packed(chunk.frames), "application/octet-stream",
          { patience: 240000 });
      } catch (error) {
        this.failure = error;
        return;
      }
      this.queue.shift();
      this.sent += 1;
      this.told?.(this.sent, this.made);
    }
  }
}

// four bytes of length, a list of times and sizes as JSON, the files: kyc/capture/packing.py
async function packed(frames) {
  const listed = { frames: frames.map(({ at, blob }) => ({ at, size: blob.size })) };
  const head = new TextEncoder().encode(JSON.stringify(listed));
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, head.length);
  return new Blob([length, head, ...frames.map(({ blob }) => blob)]);
}
