// Pause the sound of all that sounds, with a countdown; or go on.

import { act } from "./api.js";
import { clock } from "./words.js";

export class Pause {
  constructor(button, line, feed, beds) {
    this.button = button;
    this.line = line;
    this.feed = feed;
    this.beds = beds;
    button.addEventListener("click", () => this.press());
  }

  paused() {
    const nowUs = this.feed().nowUs();
    return this.beds().filter((bed) => bed.paused_until_us && bed.paused_until_us > nowUs);
  }

  sounding() {
    return this.beds().filter((bed) => bed.alarms.some((alarm) => alarm.sounds));
  }

  async press() {
    const paused = this.paused(), sounding = this.sounding();
    this.button.disabled = true;
    const [action, devices] = sounding.length ? ["pause_audio", sounding] : ["resume", paused];
    await Promise.allSettled(devices.map((bed) => act(action, bed.device_id, action === "resume" ? { episode_id: null } : {})));
    this.button.disabled = false;
  }

  tick() {
    const paused = this.paused(), sounding = this.sounding();
    this.button.hidden = !paused.length && !sounding.length;
    this.button.textContent = sounding.length ? "Pause audio" : "Resume audio";
    this.line.hidden = !paused.length;
    if (!paused.length) return;
    const lastUs = Math.max(...paused.map((bed) => bed.paused_until_us));
    this.line.textContent = `Audio paused ${clock((lastUs - this.feed().nowUs()) / 1e6)}`;
  }
}
