// A spectrogram as a small picture: one column for each 16 samples, one row for each frequency.

const WINDOW = 64, HOP = 16, BINS = WINDOW / 2;
const FLOOR_DB = -52;
const hann = Float32Array.from({ length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW));
const cosines = Float32Array.from({ length: WINDOW }, (_, i) => Math.cos((2 * Math.PI * i) / WINDOW));
const sines = Float32Array.from({ length: WINDOW }, (_, i) => Math.sin((2 * Math.PI * i) / WINDOW));

// `before` are the samples of the hop before, so that no seam shows; `reference` is the loudest power
// so far. Returns the picture and the reference for the next.
export function columns(samples, before, reference) {
  const count = Math.max(1, Math.floor(samples.length / HOP));
  const power = new Float32Array(count * BINS);
  const lead = before ? before.slice(-(WINDOW - HOP)) : new Int16Array(WINDOW - HOP);
  const sound = new Float32Array(lead.length + samples.length);
  sound.set(lead);
  sound.set(samples, lead.length);
  let most = Math.max(1e-9, reference * 0.7);
  for (let c = 0; c < count; c += 1) {
    const first = c * HOP;
    for (let k = 0; k < BINS; k += 1) {
      let re = 0, im = 0;
      for (let i = 0; i < WINDOW; i += 1) {
        const x = (sound[first + i] ?? 0) * hann[i], at = (k * i) % WINDOW;
        re += x * cosines[at];
        im -= x * sines[at];
      }
      most = Math.max(most, (power[c * BINS + k] = re * re + im * im));
    }
  }
  return [picture(power, count, Math.max(most, reference * 0.7)), most];
}

function picture(power, count, most) {
  const canvas = document.createElement("canvas");
  canvas.width = count;
  canvas.height = BINS;
  const pen = canvas.getContext("2d"), image = pen.createImageData(count, BINS);
  for (let c = 0; c < count; c += 1) {
    for (let k = 0; k < BINS; k += 1) {
      const db = 10 * Math.log10(power[c * BINS + k] / most + 1e-12);
      const level = Math.max(0, 1 - db / FLOOR_DB);
      const at = 4 * ((BINS - 1 - k) * count + c);
      const [r, g, b] = colour(level);
      image.data.set([r, g, b, 255], at);
    }
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

// Dark blue over green to yellow: even in lightness, and told apart by people who see no red.
const STOPS = [[13, 22, 40], [38, 66, 120], [33, 125, 130], [74, 180, 110], [240, 230, 90]];
function colour(level) {
  const at = Math.min(level, 0.999) * (STOPS.length - 1), i = Math.floor(at), share = at - i;
  return STOPS[i].map((from, j) => from + (STOPS[i + 1][j] - from) * share);
}
