// Play sound with its waveform and a moving cursor.

import { ApiError } from "./api.js";
import { ready } from "./pcg.js";

export class Player {
  constructor(box) {
    this.box = box;
    this.audio = box.querySelector("audio");
    this.canvas = box.querySelector("canvas");
    this.note = box.querySelector(".note");
    const frame = () => { if (!this.audio.paused) this.paint(); requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    this.audio.addEventListener("seeked", () => this.paint());
    this.canvas.addEventListener("click", (event) => {
      if (this.audio.duration) this.audio.currentTime = (event.offsetX / this.canvas.clientWidth) * this.audio.duration;
    });
  }

  // `find` says where the sound is, or cannot.
  async play(find, words) {
    this.box.hidden = false;
    this.note.textContent = "Fetching the sound…";
    try {
      const answer = await fetch(await find());
      if (!answer.ok) throw new ApiError(answer.status, (await answer.json()).detail);
      const bytes = await answer.arrayBuffer();
      await this.show(bytes, answer.headers.get("Content-Type"));
      const missing = Number(answer.headers.get("X-Missing-Fraction") ?? 0);
      this.note.textContent = words + (missing > 0.01 ? `, ${Math.round(missing * 100)} % of it is missing and silent` : "");
      await this.audio.play();
    } catch (error) {
      this.note.textContent = `It cannot be heard: ${error.message}`;
    }
  }

  async show(bytes, type) {
    if (this.address) URL.revokeObjectURL(this.address);
    this.audio.src = this.address = URL.createObjectURL(new Blob([bytes], { type }));
    const decoder = new OfflineAudioContext(1, 1, 8000);
    this.samples = (await decoder.decodeAudioData(bytes.slice(0))).getChannelData(0);
    this.paint();
  }

  paint() {
    if (!this.samples) return;
    const { pen, width, height } = ready(this.canvas), style = getComputedStyle(document.documentElement);
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = style.getPropertyValue("--trace").trim();
    const per = this.samples.length / width;
    for (let x = 0; x < width; x += 1) {
      let most = 0;
      for (let i = Math.floor(x * per); i < (x + 1) * per; i += 4) most = Math.max(most, Math.abs(this.samples[i] ?? 0));
      pen.fillRect(x, (height / 2) * (1 - most), 1, Math.max(1, height * most));
    }
    if (!this.audio.duration) return;
    pen.fillStyle = style.getPropertyValue("--accent").trim();
    pen.fillRect((this.audio.currentTime / this.audio.duration) * width - 1, 0, 2, height);
  }
}
