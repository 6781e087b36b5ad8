// The last ten seconds of what the microphone hears, high-passed so that a hum of the sensor or a
// hand does not hide the beats; and how loud it is.

import { begin, palette } from "./draw.js";

const SHOWN_S = 10;
const CORNER_HZ = 25;

export class LiveWave {
  constructor(canvas, rateHz) {
    this.canvas = canvas;
    this.per = Math.round(rateHz / 200);
    this.rateHz = rateHz;
    this.peaks = [];
    this.slow = 0;
    this.colour = palette();
    this.share = Math.exp((-2 * Math.PI * CORNER_HZ) / rateHz);
    addEventListener("themechange", () => { this.colour = palette(); });
    const frame = () => { this.paint(); requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
  }

  add(piece) {
    for (let first = 0; first < piece.length; first += this.per) {
      let low = 32767, high = -32768;
      for (const sample of piece.subarray(first, first + this.per)) {
        this.slow = this.share * this.slow + (1 - this.share) * sample;
        low = Math.min(low, sample - this.slow);
        high = Math.max(high, sample - this.slow);
      }
      this.peaks.push([low, high]);
    }
    this.peaks = this.peaks.slice(-SHOWN_S * 200);
    this.isNew = true;
  }

  paint() {
    if (!this.isNew || !this.canvas.clientWidth) return;
    this.isNew = false;
    const { pen, width, height } = begin(this.canvas);
    const most = Math.max(200, ...this.peaks.map(([low, high]) => Math.max(-low, high)));
    const left = width * (1 - this.peaks.length / (SHOWN_S * 200)), step = width / (SHOWN_S * 200);
    pen.strokeStyle = this.colour("--trace");
    pen.lineWidth = Math.max(1, step);
    pen.beginPath();
    this.peaks.forEach(([low, high], i) => {
      pen.moveTo(left + i * step, height / 2 - (high / most) * (height / 2 - 6));
      pen.lineTo(left + i * step, height / 2 - (low / most) * (height / 2 - 6) + 0.5);
    });
    pen.stroke();
  }
}

export function levels(piece) {
  let power = 0, peak = 0;
  for (const sample of piece) {
    power += sample * sample;
    peak = Math.max(peak, Math.abs(sample));
  }
  const db = 10 * Math.log10(power / piece.length / 32768 ** 2 + 1e-9);
  const verdict = peak >= 32000 ? "too loud" : db < -60 ? "too quiet" : "fine";
  return { db, words: `${Math.round(db)} dB, ${verdict}` };
}
