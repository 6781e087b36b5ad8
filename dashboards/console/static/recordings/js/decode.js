// What the interface sends of a recording, ready to be drawn.

import { decode16 } from "../../console/js/strip.js";

// Dark blue over green to yellow: even in lightness, and told apart by people who see no red.
const STOPS = [[9, 12, 26], [38, 52, 116], [33, 125, 130], [94, 190, 110], [246, 232, 100]];
const HEALTHY = ["normal", "N"];

export function wave(picture) {
  return { rateHz: picture.rate_hz, samples: decode16(picture.samples) };
}

export function spectrum(picture) {
  const levels = Uint8Array.from(atob(picture.levels), (char) => char.charCodeAt(0));
  const image = document.createElement("canvas");
  image.width = picture.columns;
  image.height = picture.bands;
  const pen = image.getContext("2d"), data = pen.createImageData(picture.columns, picture.bands);
  for (let band = 0; band < picture.bands; band += 1) {
    for (let column = 0; column < picture.columns; column += 1) {
      const at = 4 * ((picture.bands - 1 - band) * picture.columns + column);
      data.data.set(COLOURS[levels[band * picture.columns + column]], at);
    }
  }
  pen.putImageData(data, 0, 0);
  return { image, columns: picture.columns, durationS: picture.duration_s, lowHz: picture.low_hz, highHz: picture.high_hz };
}

const COLOURS = Array.from({ length: 256 }, (_, level) => {
  const at = (level / 256) * (STOPS.length - 1), i = Math.floor(at), share = at - i;
  return [...STOPS[i].map((from, j) => Math.round(from + (STOPS[i + 1][j] - from) * share)), 255];
});

// Each model with its windows as steps: from half-way to the window before to half-way to the next.
export function models(detail) {
  return Object.entries(detail.answer.models).map(([name, own]) => {
    const lengthS = detail.window_s[name] ?? detail.window_s[Object.keys(detail.window_s).find((known) => name.startsWith(known))] ?? 5;
    const middles = own.windows.map((window) => window.start_s + lengthS / 2);
    const steps = own.windows.map((window, i) => ({
      startS: window.start_s,
      probabilities: window.probabilities,
      fromS: i ? (middles[i - 1] + middles[i]) / 2 : window.start_s,
      toS: i + 1 < middles.length ? (middles[i] + middles[i + 1]) / 2 : Math.min(detail.answer.duration_s, window.start_s + lengthS),
    }));
    return { name, ...own, steps };
  });
}

// The healthy label first, so that it has the same colour everywhere.
export function labels(model) {
  return Object.keys(model.probabilities).sort((a, b) => HEALTHY.includes(b) - HEALTHY.includes(a));
}
