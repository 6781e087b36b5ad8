// The pictures of a recording; each is drawn from a timeline and what it shows.

import { ready } from "../../console/js/pcg.js";

export const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 4]];
const SHADES = { poor: 0.1, unusable: 0.22 };

export function palette() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
}

export function begin(canvas) {
  const { pen, width, height } = ready(canvas);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

export function waveform(canvas, time, wave, answer, colour) {
  const { pen, width, height } = begin(canvas), top = 18, bottom = height - 16;
  shade(pen, time, answer.quality.windows, answer.duration_s, width, top, bottom, colour);
  grid(pen, time, width, top, bottom, height, colour);
  const middle = (top + bottom) / 2, half = (bottom - top) / 2;
  pen.strokeStyle = colour("--trace");
  pen.lineWidth = 1.2;
  pen.beginPath();
  const per = (time.spanS * wave.rateHz) / width, first = time.fromS * wave.rateHz;
  if (per < 2) {
    for (let i = Math.max(0, Math.floor(first)); i <= Math.min(wave.samples.length - 1, first + per * width + 1); i += 1) {
      pen.lineTo((i - first) / per, middle - (wave.samples[i] / 32768) * half);
    }
  } else {
    for (let x = 0; x < width; x += 1) {
      let low = 32767, high = -32768;
      for (let i = Math.floor(first + x * per); i < first + (x + 1) * per && i < wave.samples.length; i += 1) {
        low = Math.min(low, wave.samples[i]);
        high = Math.max(high, wave.samples[i]);
      }
      if (low > high) continue;
      pen.moveTo(x + 0.5, middle - (high / 32768) * half - 0.5);
      pen.lineTo(x + 0.5, middle - (low / 32768) * half + 0.5);
    }
  }
  pen.stroke();
  if (answer.heart) marks(pen, time, answer.heart, width, colour);
  cursor(pen, time, width, height, colour);
}

function marks(pen, time, heart, width, colour) {
  const size = Math.max(2.5, Math.min(5, (width / time.spanS) * 0.07));
  for (const [name, sounds, draw] of [
    ["--s1", heart.s1_s, (x) => { pen.moveTo(x - size, 4); pen.lineTo(x + size, 4); pen.lineTo(x, 4 + 1.8 * size); }],
    ["--s2", heart.s2_s, (x) => pen.rect(x - size * 0.75, 4, size * 1.5, size * 1.5)],
  ]) {
    pen.fillStyle = colour(name);
    pen.beginPath();
    for (const at of sounds) if (at >= time.fromS && at <= time.toS) draw(time.x(at, width));
    pen.fill();
  }
}

function grid(pen, time, width, top, bottom, height, colour) {
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.fillStyle = colour("--muted");
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 1;
  for (const { atS, words } of time.ticks(width)) {
    const x = Math.round(time.x(atS, width)) + 0.5;
    pen.globalAlpha = 0.5;
    pen.beginPath();
    pen.moveTo(x, top);
    pen.lineTo(x, bottom);
    pen.stroke();
    pen.globalAlpha = 1;
    pen.fillText(`${words} s`, Math.min(Math.max(x, 14), width - 16), height - 4);
  }
}

// Behind windows that are not good, over the hop in their middle; and the word, where there is room.
function shade(pen, time, windows, durationS, width, top, bottom, colour) {
  const edges = windows.map((window) => window.start_s + 1.25);
  edges[0] = 0;
  windows.forEach((window, i) => {
    const alpha = SHADES[window.verdict];
    if (!alpha) return;
    const left = time.x(edges[i], width), right = time.x(edges[i + 1] ?? durationS, width);
    if (right < 0 || left > width) return;
    pen.globalAlpha = alpha;
    pen.fillStyle = colour("--text");
    pen.fillRect(left, top, right - left, bottom - top);
    pen.globalAlpha = 1;
    if (windows[i - 1]?.verdict === window.verdict && left > 0) return;
    pen.font = "600 11px system-ui, sans-serif";
    pen.textAlign = "left";
    pen.fillStyle = colour("--muted");
    pen.fillText(window.verdict, Math.max(left, 0) + 4, bottom - 5);
  });
}

export function cursor(pen, time, width, height, colour) {
  if (time.cursorS === null) return;
  pen.fillStyle = colour("--accent");
  pen.fillRect(time.x(time.cursorS, width) - 1, 0, 2, height);
}

export function spectrogram(canvas, time, picture, map, colour) {
  const { pen, width, height } = begin(canvas);
  const { image, columns, durationS, lowHz, highHz } = picture;
  const per = columns / durationS;
  pen.imageSmoothingEnabled = true;
  const source = [time.fromS * per, 0, time.spanS * per, image.height];
  pen.fillStyle = "#05070d";  // as dark under the map in both themes
  pen.fillRect(0, 0, width, height);
  if (map) pen.globalAlpha = 0.5;
  pen.drawImage(image, ...source, 0, 0, width, height);
  pen.globalAlpha = 1;
  const y = (hz) => height * (1 - (mel(hz) - mel(lowHz)) / (mel(highHz) - mel(lowHz)));
  if (map) overlay(pen, time, map, width, y, colour);
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "left";
  for (const hz of [50, 100, 200, 400]) {
    pen.fillStyle = "rgb(0 0 0 / .55)";
    const words = `${hz} Hz`;
    pen.fillRect(2, y(hz) - 7, pen.measureText(words).width + 6, 14);
    pen.fillStyle = "#fff";
    pen.fillText(words, 5, y(hz) + 4);
  }
  cursor(pen, time, width, height, colour);
}

// What spoke for the decision is filled; what spoke against it is hatched as well as of another colour.
function overlay(pen, time, map, width, y, colour) {
  const most = Math.max(0.02, ...map.shares.flatMap((row) => row ?? []).map(Math.abs));
  const px = (map.step_s / time.spanS) * width;
  map.shares.forEach((row, step) => {
    const left = time.x(step * map.step_s, width);
    if (left > width || left + px < 0) return;
    if (!row) {
      pen.fillStyle = "rgb(0 0 0 / .5)";
      pen.fillRect(left, 0, px, y(0.01));
      return;
    }
    row.forEach((share, band) => {
      const alpha = Math.min(1, Math.abs(share) / most);
      if (alpha < 0.06) return;
      const top = y(map.edges_hz[band + 1]), bottom = y(map.edges_hz[band]);
      pen.globalAlpha = 0.85 * alpha;
      pen.fillStyle = colour(share > 0 ? "--for" : "--against");
      if (share > 0) pen.fillRect(left, top, px, bottom - top);
      else for (let stripe = top; stripe < bottom; stripe += 4) pen.fillRect(left, stripe, px, 2);
      pen.globalAlpha = 1;
    });
  });
}

export function chances(canvas, time, model, labels, colour) {
  const { pen, width, height } = begin(canvas), top = 6, bottom = height - 6;
  const y = (share) => bottom - share * (bottom - top);
  pen.strokeStyle = colour("--line");
  pen.fillStyle = colour("--muted");
  pen.font = "11px system-ui, sans-serif";
  for (const share of [0, 0.5, 1]) {
    pen.beginPath();
    pen.moveTo(0, y(share));
    pen.lineTo(width, y(share));
    pen.stroke();
  }
  pen.fillText("50 %", 4, y(0.5) - 3);
  labels.forEach((label, place) => {
    pen.strokeStyle = colour(`--line-${(place % 5) + 1}`);
    pen.setLineDash(DASHES[place % 5]);
    pen.lineWidth = 2;
    pen.beginPath();
    for (const { fromS, toS, probabilities } of model.steps) {
      if (toS < time.fromS || fromS > time.toS) continue;
      pen.lineTo(time.x(fromS, width), y(probabilities[label]));
      pen.lineTo(time.x(toS, width), y(probabilities[label]));
    }
    pen.stroke();
  });
  pen.setLineDash([]);
  cursor(pen, time, width, height, colour);
}

export function mel(hz) {
  return Math.log1p(hz / 700);
}
