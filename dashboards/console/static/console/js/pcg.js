// The last ten seconds of one bed: the sound with its marks, and its spectrogram.

import { decode16 } from "./strip.js";
import { columns } from "./spectrum.js";

const SHOWN_S = 10;
const SCALE_HZ = [50, 100, 200];
const SMALL = "11px system-ui, sans-serif";
const DELAY_S = 0.4; // the pen follows the newest sample by so much, evenly, as sound comes in hops

function palette() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
}

export class Pcg {
  constructor(canvas, spectrogram) {
    this.canvas = canvas;
    this.spectrogram = spectrogram;
    this.hops = [];
    this.colour = palette();
    addEventListener("themechange", () => { this.colour = palette(); });
    const frame = () => { this.paint(); requestAnimationFrame(frame); };
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) setInterval(() => this.paint(), 500);
    else requestAnimationFrame(frame);
  }

  add(strip) {
    const last = this.hops.at(-1);
    if (last && last.boot === strip.boot_id && strip.index <= last.index) return;
    const samples = decode16(strip.samples);
    const lengthS = samples.length / strip.sample_rate_hz;
    const isNext = last && last.boot === strip.boot_id && strip.index === last.index + 1;
    const endS = isNext ? last.endS + lengthS : Math.max(strip.start_us / 1e6 + lengthS, (last?.endS ?? 0) + 0.2 + lengthS);
    const scaled = samples.map((sample) => sample * Math.min(1, strip.full_scale * 4));
    const [picture, reference] = columns(scaled, isNext ? last.scaled : null, this.reference ?? 0);
    this.reference = reference;
    this.hops.push({
      boot: strip.boot_id, index: strip.index, samples, rateHz: strip.sample_rate_hz, lengthS, endS,
      gain: strip.full_scale, s1: strip.s1_s, s2: strip.s2_s, picture, scaled,
    });
    this.hops = this.hops.slice(-8);
    this.cameMs = performance.now();
    this.spectrogramDirty = true;
  }

  // Where the right edge is: it glides over each hop while the next is on its way.
  edgeS() {
    const last = this.hops.at(-1);
    const sinceS = (performance.now() - this.cameMs) / 1000;
    return last.endS - Math.max(0, last.lengthS - sinceS) * (sinceS < last.lengthS ? 1 : 0) * DELAY_S;
  }

  paint() {
    if (!this.hops.length) return;
    const edgeS = this.edgeS();
    if (edgeS === this.paintedS && !this.spectrogramDirty) return;
    this.paintedS = edgeS;
    this.paintSound(edgeS);
    this.paintSpectrogram(edgeS);
  }

  paintSound(edgeS) {
    const { pen, width, height } = ready(this.canvas);
    pen.clearRect(0, 0, width, height);
    this.grid(pen, width, height);
    const loudest = Math.max(0.01, ...this.hops.map((hop) => (hop.gain * peak(hop.samples)) / 32768));
    const pxPerS = width / SHOWN_S, middle = height / 2 + 2, half = height / 2 - 22;
    for (const hop of this.hops) {
      const left = width - (edgeS - (hop.endS - hop.lengthS)) * pxPerS;
      if (left > width || left + hop.lengthS * pxPerS < 0) continue;
      pen.strokeStyle = this.colour("--trace");
      pen.lineWidth = 1.3;
      pen.beginPath();
      const step = pxPerS / hop.rateHz, gain = (hop.gain / loudest / 32768) * half;
      for (let i = 0; i < hop.samples.length; i += 1) pen.lineTo(left + i * step, middle - hop.samples[i] * gain);
      pen.stroke();
      this.marks(pen, hop, left, pxPerS);
    }
  }

  marks(pen, hop, left, pxPerS) {
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = "center";
    for (const [name, sounds, symbol] of [["--s1", hop.s1, "▼"], ["--s2", hop.s2, "■"]]) {
      pen.fillStyle = this.colour(name);
      for (const atS of sounds) pen.fillText(symbol, left + atS * pxPerS, 14);
    }
  }

  grid(pen, width, height) {
    pen.strokeStyle = this.colour("--line");
    pen.lineWidth = 1;
    pen.globalAlpha = 0.45;
    pen.beginPath();
    for (let s = 1; s < SHOWN_S; s += 1) {
      pen.moveTo((s * width) / SHOWN_S, 20);
      pen.lineTo((s * width) / SHOWN_S, height);
    }
    pen.stroke();
    pen.globalAlpha = 1;
    pen.font = SMALL;
    pen.textAlign = "center";
    pen.fillStyle = this.colour("--muted");
    for (let s = 2; s < SHOWN_S; s += 2) pen.fillText(`−${SHOWN_S - s} s`, (s * width) / SHOWN_S, height - 4);
  }

  paintSpectrogram(edgeS) {
    const { pen, width, height } = ready(this.spectrogram);
    pen.clearRect(0, 0, width, height);
    pen.imageSmoothingEnabled = true;
    const pxPerS = width / SHOWN_S;
    for (const hop of this.hops) {
      const left = width - (edgeS - (hop.endS - hop.lengthS)) * pxPerS;
      pen.drawImage(hop.picture, left, 0, hop.lengthS * pxPerS, height);
    }
    scale(pen, height, this.hops.at(-1).rateHz / 2);
    this.spectrogramDirty = false;
  }
}

// The picture is dark in both themes, and so is what its words stand on.
function scale(pen, height, topHz) {
  pen.font = SMALL;
  pen.textAlign = "left";
  for (const hz of SCALE_HZ) {
    const y = height * (1 - hz / topHz), words = `${hz} Hz`;
    pen.fillStyle = "rgba(6, 10, 16, .72)";
    pen.fillRect(2, y - 7, pen.measureText(words).width + 8, 14);
    pen.fillStyle = "#f2f6fa";
    pen.fillText(words, 6, y + 4);
  }
}

export function ready(canvas) {
  const ratio = Math.min(devicePixelRatio || 1, 2), width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { pen, width, height };
}

export function peak(samples) {
  let most = 1;
  for (const sample of samples) most = Math.max(most, Math.abs(sample));
  return most;
}
