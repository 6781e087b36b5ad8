// Alarm sounds: bursts of pulses after IEC 60601-1-8. Browsers want one click before the first, on each
// page anew: where somebody has turned the sound on, the next page turns it on with whatever is
// clicked or typed first, or at once where the browser lets it.

const BURSTS = {
  high: { pulses: [0, 0.2, 0.4, 0.75, 0.95, 1.5, 1.7, 1.9, 2.25, 2.45], hz: [523, 659, 784, 659, 1047, 523, 659, 784, 659, 1047], everyMs: 6000 },
  medium: { pulses: [0, 0.28, 0.56], hz: [523, 440, 349], everyMs: 9000 },
  low: { pulses: [0, 0.3], hz: [392, 330], everyMs: 20000 },
};
const ORDER = ["high", "medium", "low"];
const KEPT = "heartward-sound";

export class AlarmSound {
  constructor(button, onChange = () => {}) {
    this.button = button;
    this.onChange = onChange;
    this.priority = null;
    this.playedMs = -Infinity;
    button.addEventListener("click", () => this.toggle());
    setInterval(() => this.step(), 250);
    if (sessionStorage.getItem(KEPT)) this.goOn();
  }

  goOn() {
    this.context = this.begin();
    const resume = ({ target }) => { if (sessionStorage.getItem(KEPT) && !this.button.contains(target)) this.context.resume(); };
    for (const name of ["pointerup", "keyup"]) addEventListener(name, resume, { once: true });
  }

  get on() {
    return this.context?.state === "running";
  }

  async toggle() {
    if (this.on) {
      await this.context.suspend();
      sessionStorage.removeItem(KEPT);
    } else {
      sessionStorage.setItem(KEPT, "on");
      this.context ??= this.begin();
      await this.context.resume();
      this.playedMs = -Infinity;
      this.pulse(660, this.context.currentTime, 0.1);
    }
    this.show();
  }

  // A browser may stop the sound by itself, as for a call; the button must not say that it is on.
  begin() {
    const context = new AudioContext();
    context.addEventListener("statechange", () => this.show());
    return context;
  }

  show() {
    this.button.setAttribute("aria-pressed", String(this.on));
    this.button.querySelector(".words").textContent = this.on ? "Sound on" : "Turn sound on";
    this.onChange();
  }

  // The most urgent of what should be heard now; null for silence.
  set(priorities) {
    const wanted = ORDER.find((priority) => priorities.includes(priority)) ?? null;
    const isWorse = wanted && (!this.priority || ORDER.indexOf(wanted) < ORDER.indexOf(this.priority));
    if (isWorse) this.playedMs = -Infinity;
    this.priority = wanted;
    document.body.dataset.sounding = wanted ?? "";
    this.step();
  }

  step() {
    if (!this.priority || !this.on) return;
    const burst = BURSTS[this.priority];
    if (performance.now() - this.playedMs < burst.everyMs) return;
    this.playedMs = performance.now();
    this.played = (this.played ?? 0) + 1;
    document.body.dataset.bursts = String(this.played);
    burst.pulses.forEach((at, i) => this.pulse(burst.hz[i], this.context.currentTime + at, 0.15));
  }

  pulse(hz, at, lengthS) {
    const gain = this.context.createGain();
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.25, at + 0.02);
    gain.gain.setValueAtTime(0.25, at + lengthS - 0.03);
    gain.gain.linearRampToValueAtTime(0, at + lengthS);
    gain.connect(this.context.destination);
    for (const [harmonic, level] of [[1, 1], [2, 0.4], [3, 0.25], [4, 0.15]]) {
      const tone = this.context.createOscillator(), part = this.context.createGain();
      part.gain.value = level;
      tone.frequency.value = hz * harmonic;
      tone.connect(part).connect(gain);
      tone.start(at);
      tone.stop(at + lengthS);
    }
  }
}
