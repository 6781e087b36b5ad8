// Trends by uPlot, one plot under the other with one cursor.

import { call } from "./api.js";

const HEIGHT_PX = 150;

export class Trends {
  constructor(deviceId) {
    this.deviceId = deviceId;
    this.hours = 1;
    this.plots = [];
    document.querySelectorAll(".spans button").forEach((button) => {
      button.addEventListener("click", () => this.choose(button));
    });
    addEventListener("resize", () => this.plots.forEach((plot) => plot.setSize({ width: width(plot.root.parentNode), height: HEIGHT_PX })));
    addEventListener("themechange", () => this.load());
    setInterval(() => this.load(), 15000);
    this.load();
  }

  choose(button) {
    this.hours = Number(button.dataset.hours);
    document.querySelectorAll(".spans button").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    this.load();
  }

  async load() {
    const untilUs = Date.now() * 1000, fromUs = Math.round(untilUs - this.hours * 3600e6);
    try {
      const trend = await call("GET", `/api/v1/beds/${encodeURIComponent(this.deviceId)}/trend?from_us=${fromUs}&until_us=${untilUs}`);
      this.show(trend, fromUs / 1e6, untilUs / 1e6);
    } catch {
      // The page says by itself when it is not up to date; the next turn comes in a moment.
    }
  }

  show(trend, fromS, untilS) {
    document.getElementById("trend-empty").hidden = trend.at_us.length > 0;
    const at = trend.at_us.map((us) => us / 1e6);
    const percent = (column) => column.map((value) => (value === null ? null : value * 100));
    const style = getComputedStyle(document.documentElement), of = (name) => style.getPropertyValue(name).trim();
    this.plots.forEach((plot) => plot.destroy());
    this.plots = [
      this.plot("trend-rate", "Heart rate, bpm", at, fromS, untilS, [
        ["lowest", trend.rate_low_bpm, of("--muted"), 1], ["mean", trend.rate_bpm, of("--trace"), 2], ["highest", trend.rate_high_bpm, of("--muted"), 1]], null),
      this.plot("trend-finding", "Probability of an abnormal sound, %", at, fromS, untilS, [["abnormal", percent(trend.abnormal_probability), "#d97706", 2]], [0, 100]),
      this.plot("trend-quality", "Signal quality and gaps, %", at, fromS, untilS, [
        ["quality", percent(trend.quality), of("--accent"), 2], ["missing", percent(trend.gap_fraction), of("--high"), 1.5]], [0, 100]),
      this.plot("trend-latency", "Sound to result, ms", at, fromS, untilS, [["latency", trend.latency_ms, of("--low"), 1.5]], null),
    ];
  }

  plot(id, title, at, fromS, untilS, lines, range) {
    const box = document.getElementById(id), style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--muted").trim(), grid = { stroke: style.getPropertyValue("--line").trim(), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid };
    return new uPlot({
      title, width: width(box), height: HEIGHT_PX, cursor: { sync: { key: "bed" } },
      scales: { x: { min: fromS, max: untilS }, y: range ? { range } : {} },
      axes: [{ ...axis, values: (_, times) => times.map((s) => clockTime(s, this.hours)) }, { ...axis, size: 54 }],
      series: [{}, ...lines.map(([label, , stroke, lineWidth]) => ({ label, stroke, width: lineWidth, spanGaps: false, points: { show: at.length < 40 }, value: (_, v) => (v === null || v === undefined ? "–" : v.toFixed(0)) }))],
    }, [at, ...lines.map(([, column]) => column)], box);
  }
}

function clockTime(seconds, hours) {
  const date = new Date(seconds * 1000);
  const clock = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return hours > 24 ? `${date.getDate()}. ${clock}` : clock;
}

function width(box) {
  return Math.max(240, box.clientWidth);
}
