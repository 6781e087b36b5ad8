// Which part of a recording is shown, and where the sound is being played.

const LEAST_S = 1;

export class Timeline {
  constructor(durationS, onChange) {
    this.durationS = durationS;
    this.onChange = onChange;
    this.fromS = 0;
    this.toS = durationS;
    this.cursorS = null;
  }

  get spanS() { return this.toS - this.fromS; }
  get isWhole() { return this.spanS >= this.durationS - 1e-6; }

  x(atS, width) { return ((atS - this.fromS) / this.spanS) * width; }
  at(x, width) { return this.fromS + (x / width) * this.spanS; }

  show(fromS, spanS) {
    const span = Math.min(this.durationS, Math.max(LEAST_S, spanS));
    this.fromS = Math.min(Math.max(0, fromS), this.durationS - span);
    this.toS = this.fromS + span;
    this.onChange();
  }

  zoom(factor, aroundS = (this.fromS + this.toS) / 2) {
    const share = (aroundS - this.fromS) / this.spanS, span = this.spanS * factor;
    this.show(aroundS - share * span, span);
  }

  // Where seconds are written: about every 90 pixels, at round numbers.
  ticks(width) {
    const least = (90 / width) * this.spanS;
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120].find((s) => s >= least) ?? 300;
    const found = [];
    for (let at = Math.ceil(this.fromS / step) * step; at <= this.toS + 1e-9; at += step) found.push(at);
    return found.map((at) => ({ atS: at, words: step < 1 ? at.toFixed(1) : String(Math.round(at)) }));
  }
}
