// One recording's pictures, with zoom, overlay, table and player.

import { call } from "../../console/js/api.js";
import { DASHES, chances, palette, spectrogram, waveform } from "./draw.js";
import { labels, models, spectrum, wave } from "./decode.js";
import { Regions } from "./regions.js";
import { Player } from "./player.js";
import { Timeline } from "./timeline.js";

const percent = (share) => `${Math.round(share * 100)} %`;

export class Plots {
  constructor(box) {
    this.box = box;
    this.at = (selector) => box.querySelector(selector);
    this.colour = palette();
    for (const name of ["themechange", "resize"]) addEventListener(name, () => this.repaint());
  }

  async load() {
    try {
      const [detail, pictures] = await Promise.all([call("GET", this.box.dataset.detail), call("GET", this.box.dataset.pictures)]);
      this.show(detail, pictures);
      this.at(".loading").remove();
    } catch (error) {
      this.at(".loading").textContent = `The pictures cannot be shown: ${error.message}`;
    }
  }

  show(detail, pictures) {
    this.answer = detail.answer;
    this.wave = wave(pictures.waveform);
    this.spectrum = spectrum(pictures.spectrogram);
    this.models = models(detail);
    this.time = new Timeline(detail.answer.duration_s, () => this.paint());
    this.charts = this.models.map((model) => this.chart(model));
    this.table();
    this.steer();
    this.player = this.box.dataset.sound ? new Player(this.box, this.time, () => this.paint()) : null;
    this.regions = new Regions(this.box, (map) => { this.map = map; this.paint(); }, (atS) => this.time.show(atS - 2.5, 5));
    this.regions.wait();
    this.paint();
    this.box.dataset.shown = "yes";
  }

  chart(model) {
    const names = labels(model), head = document.createElement("div"), canvas = document.createElement("canvas");
    head.className = "chance-head";
    const title = document.createElement("b");
    title.textContent = `${model.name} ${model.version}${model.abstained ? " (no usable window)" : ""}`;
    head.append(title, ...names.map((name, place) => this.legend(name, place, model)));
    canvas.className = "chance";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Probabilities of ${model.name} over time; for the whole: ${names.map((name) => `${name} ${percent(model.probabilities[name])}`).join(", ")}`);
    this.at(".chances").append(head, canvas);
    return { canvas, model, names };
  }

  legend(name, place, model) {
    const line = document.createElement("span"), sample = document.createElement("canvas");
    line.className = `label${name === model.label && !model.abstained ? " chosen" : ""}`;
    sample.dataset.place = String(place);
    sample.setAttribute("aria-hidden", "true");
    line.append(sample, `${name} ${percent(model.probabilities[name])}`);
    return line;
  }

  samples() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    for (const canvas of this.box.querySelectorAll(".chance-head canvas")) {
      const place = Number(canvas.dataset.place), pen = canvas.getContext("2d");
      canvas.width = 24 * ratio;
      canvas.height = 10 * ratio;
      pen.scale(ratio, ratio);
      pen.strokeStyle = this.colour(`--line-${(place % 5) + 1}`);
      pen.setLineDash(DASHES[place % 5]);
      pen.lineWidth = 2.5;
      pen.beginPath();
      pen.moveTo(0, 5);
      pen.lineTo(24, 5);
      pen.stroke();
    }
  }

  repaint() {
    this.colour = palette();
    if (!this.time) return;
    this.samples();
    this.paint();
  }

  paint() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      waveform(this.at("canvas.wave"), this.time, this.wave, this.answer, this.colour);
      spectrogram(this.at("canvas.spectrogram"), this.time, this.spectrum, this.map, this.colour);
      for (const { canvas, model, names } of this.charts) chances(canvas, this.time, model, names, this.colour);
      if (!this.sampled) { this.sampled = true; this.samples(); }
      this.showPosition();
    });
  }

  showPosition() {
    const slider = this.at(".scroller"), { fromS, spanS, durationS, isWhole } = this.time;
    slider.hidden = isWhole;
    if (!isWhole) slider.value = String(Math.round((1000 * fromS) / (durationS - spanS)));
    slider.setAttribute("aria-valuetext", `${fromS.toFixed(1)} to ${(fromS + spanS).toFixed(1)} seconds`);
  }

  steer() {
    const { time } = this;
    this.at(".in").addEventListener("click", () => time.zoom(0.5, time.cursorS ?? undefined));
    this.at(".out").addEventListener("click", () => time.zoom(2));
    this.at(".whole").addEventListener("click", () => time.show(0, time.durationS));
    const slider = this.at(".scroller");
    slider.addEventListener("input", () => time.show((slider.value / 1000) * (time.durationS - time.spanS), time.spanS));
    const area = this.at(".canvases");
    area.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      time.zoom(event.deltaY > 0 ? 1.25 : 0.8, time.at(event.offsetX, area.clientWidth));
    }, { passive: false });
    for (const canvas of area.querySelectorAll("canvas.wave, canvas.spectrogram")) this.drag(canvas);
  }

  drag(canvas) {
    let last = null, moved = 0;
    canvas.addEventListener("pointerdown", (event) => { last = event.clientX; moved = 0; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (last === null) return;
      moved += Math.abs(event.clientX - last);
      if (!this.time.isWhole) this.time.show(this.time.fromS - ((event.clientX - last) / canvas.clientWidth) * this.time.spanS, this.time.spanS);
      last = event.clientX;
    });
    canvas.addEventListener("pointerup", (event) => {
      last = null;
      if (moved < 4) this.player?.seek(this.time.at(event.offsetX, canvas.clientWidth));
    });
    canvas.addEventListener("pointercancel", () => { last = null; });
  }

  table() {
    const head = document.createElement("tr");
    head.append(...["From", "Signal", ...this.models.flatMap((model) => labels(model).map((label) => `${model.name}: ${label}`))].map((words) => cell("th", words)));
    this.at(".numbers thead").append(head);
    const rows = this.answer.quality.windows.map((window) => {
      const row = document.createElement("tr");
      row.append(cell("td", `${window.start_s.toFixed(1)} s`), cell("td", [window.verdict, ...window.reasons].join(": ")));
      for (const model of this.models) {
        const step = model.steps.find((one) => Math.abs(one.startS - window.start_s) < 1e-6);
        row.append(...labels(model).map((label) => cell("td", step ? percent(step.probabilities[label]) : "")));
      }
      return row;
    });
    this.at(".numbers tbody").append(...rows);
  }
}

function cell(kind, words) {
  const node = document.createElement(kind);
  node.textContent = words;
  return node;
}
