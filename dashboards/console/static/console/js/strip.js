// A strip of sound that slides on with each hop. It is painted once a hop; the sliding is done by
// the compositor, so that a hundred of them do not stutter.

const SHOWN_S = 5;
const SLIDE_MS = 500;
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
let colours = null;

function palette() {
  if (!colours) {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    colours = { trace: of("--trace"), s1: of("--s1"), s2: of("--s2"), muted: of("--muted"), line: of("--line") };
  }
  return colours;
}
addEventListener("themechange", () => { colours = null; });

export function decode8(text) {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  return new Int8Array(bytes.buffer);
}

export function decode16(text) {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  return new Int16Array(bytes.buffer);
}

export class Strip {
  // Off where the machine does not keep up: numbers in time are worth more than strips that glide.
  static slides = true;

  constructor(box) {
    this.box = box;
    this.canvas = box.querySelector("canvas");
    this.hops = [];
    addEventListener("themechange", () => this.paint());
    addEventListener("resize", () => this.paint());
  }

  add(strip) {
    const last = this.hops.at(-1);
    if (last && last.boot === strip.boot_id && strip.index <= last.index) return;
    const samples = decode8(strip.samples);
    const hop = {
      boot: strip.boot_id, index: strip.index, samples, rateHz: strip.sample_rate_hz,
      lengthS: samples.length / strip.sample_rate_hz, gain: strip.full_scale, s1: strip.s1_s, s2: strip.s2_s,
      follows: Boolean(last) && last.boot === strip.boot_id && strip.index === last.index + 1,
    };
    this.hops.push(hop);
    this.hops = this.hops.slice(-4);
    this.paint();
    this.slide(hop.lengthS);
  }

  slide(lengthS) {
    if (reduced.matches || !Strip.slides || document.hidden) return;
    const px = (lengthS / SHOWN_S) * this.box.clientWidth;
    this.canvas.animate([{ transform: `translateX(${px}px)` }, { transform: "none" }], {
      duration: SLIDE_MS, easing: "ease-out",
    });
  }

  paint() {
    const width = this.box.clientWidth, height = this.box.clientHeight;
    if (!width || !this.hops.length) return;
    const hopS = this.hops.at(-1).lengthS;
    const totalS = SHOWN_S + hopS, pxPerS = width / SHOWN_S, ratio = Math.min(devicePixelRatio || 1, 2);
    const canvas = this.canvas;
    const fullWidth = Math.round(totalS * pxPerS * ratio), fullHeight = Math.round(height * ratio);
    const pen = (this.pen ??= canvas.getContext("2d"));
    if (canvas.width !== fullWidth || canvas.height !== fullHeight) {
      canvas.width = fullWidth;
      canvas.height = fullHeight;
      canvas.style.width = `${totalS * pxPerS}px`;
      canvas.style.left = `${-hopS * pxPerS}px`;
      pen.scale(ratio, ratio);
    }
    pen.clearRect(0, 0, totalS * pxPerS, height);
    const loudest = Math.max(0.02, ...this.hops.map((hop) => hop.gain * peak(hop.samples) / 128));
    let endS = totalS;
    for (const hop of [...this.hops].reverse()) {
      const startS = endS - hop.lengthS;
      if (endS < 0) break;
      trace(pen, hop, startS * pxPerS, pxPerS, height, hop.gain / loudest);
      endS = hop.follows ? startS : startS - 0.15;
    }
  }
}

function peak(samples) {
  let most = 1;
  for (const sample of samples) most = Math.max(most, Math.abs(sample));
  return most;
}

function trace(pen, hop, left, pxPerS, height, gain) {
  const { trace: line, s1, s2 } = palette();
  const middle = height / 2 + 4, half = height / 2 - 9;
  pen.beginPath();
  pen.lineWidth = 1.2;
  pen.strokeStyle = line;
  const step = pxPerS / hop.rateHz;
  for (let i = 0; i < hop.samples.length; i += 1) {
    const y = middle - (hop.samples[i] / 128) * gain * half;
    if (i) pen.lineTo(left + i * step, y); else pen.moveTo(left, y);
  }
  pen.stroke();
  mark(pen, hop.s1, left, pxPerS, s1, (x) => { pen.moveTo(x - 4, 1); pen.lineTo(x + 4, 1); pen.lineTo(x, 8); });
  mark(pen, hop.s2, left, pxPerS, s2, (x) => { pen.moveTo(x - 3, 1); pen.lineTo(x + 3, 1); pen.lineTo(x + 3, 6); pen.lineTo(x - 3, 6); });
}

function mark(pen, sounds, left, pxPerS, colour, shape) {
  pen.fillStyle = colour;
  pen.beginPath();
  for (const atS of sounds) shape(left + atS * pxPerS);
  pen.fill();
}
