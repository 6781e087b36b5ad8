// Alarms that were: what happened to each, the strip that caused it, its sound, and verdicts on it.

import { call } from "./api.js";
import { judgeWith, showVerdict } from "./judge.js";
import { peak, ready } from "./pcg.js";
import { SYMBOLS } from "./words.js";

const DAY_US = 24 * 3600e6;

export class PastAlarms {
  constructor(box, template, deviceId, patientId, player) {
    Object.assign(this, { box, template, deviceId, patientId, player, nodes: new Map(), verdicts: new Map() });
    this.loadVerdicts().finally(() => this.load());
    setInterval(() => this.load(), 10000);
  }

  // Of verdicts that were given before the page was opened, the latest on each alarm.
  async loadVerdicts() {
    try {
      const page = await call("GET", `/api/v1/labels?device_id=${encodeURIComponent(this.deviceId)}&limit=500`);
      for (const label of page.results.reverse()) this.verdicts.set(label.episode_id, label);
    } catch { /* then they are shown after the next reload */ }
  }

  async load() {
    try {
      const since = Math.round(Date.now() * 1000 - DAY_US);
      const page = await call("GET", `/api/v1/alarms/history?device_id=${encodeURIComponent(this.deviceId)}&from_us=${since}&limit=500`);
      // Of the patient who wears the device now, and not of who wore it before.
      this.show(episodes(page.results.filter((row) => row.patient_id === this.patientId)));
    } catch { /* the page itself says when it is not up to date */ }
  }

  show(found) {
    if (!found.length) return;
    for (const steps of found) {
      const known = this.nodes.get(steps[0].episode_id) ?? this.make(steps);
      this.nodes.set(steps[0].episode_id, known);
      fill(known, steps);
    }
    this.box.replaceChildren(...found.map((steps) => this.nodes.get(steps[0].episode_id)));
  }

  make(steps) {
    const node = this.template.content.firstElementChild.cloneNode(true);
    const { episode_id: episode, at_us: atUs } = steps.find((step) => step.transition === "raised") ?? steps[0];
    node.querySelectorAll(".hear").forEach((button) => button.addEventListener("click", () => this.hear(episode, atUs, button.dataset.kind)));
    judgeWith(node, () => ({ episode_id: episode }));
    if (this.verdicts.has(episode)) showVerdict(node, this.verdicts.get(episode));
    strip(node.querySelector(".cause"), episode);
    return node;
  }

  // The clip that was saved; before it is, what Kafka holds.
  hear(episode, atUs, kind) {
    this.player.box.scrollIntoView({ block: "center" });
    return this.player.play(() => this.address(episode, atUs, kind), `30 s before and after the alarm, ${kind}`);
  }

  async address(episode, atUs, kind) {
    const clips = await call("GET", `/api/v1/clips?episode_id=${encodeURIComponent(episode)}`);
    const kept = clips.results.find((clip) => clip.state === "kept");
    if (kept) return `/api/v1/clips/${kept.id}/sound?kind=${kind}`;
    const until = Math.round(Math.min(atUs + 30e6, Date.now() * 1000));
    return `/api/v1/beds/${encodeURIComponent(this.deviceId)}/sound?kind=${kind}&from_us=${atUs - 30e6}&until_us=${until}`;
  }
}

function episodes(transitions) {
  const by = new Map();
  for (const step of transitions) by.set(step.episode_id, [...(by.get(step.episode_id) ?? []), step]);
  return [...by.values()]
    .map((steps) => steps.sort((a, b) => a.transition_no - b.transition_no))
    .filter((steps) => steps.some((step) => ["raised", "paused", "standby"].includes(step.transition)))
    .sort((a, b) => b.at(-1).at_us - a.at(-1).at_us);
}

function fill(node, steps) {
  const first = steps.find((step) => step.transition === "raised") ?? steps[0], last = steps.at(-1);
  const tag = node.querySelector(".tag");
  tag.className = `tag ${["cleared", "acknowledged"].includes(last.state_to) ? "off" : first.priority}`;
  tag.textContent = `${SYMBOLS[first.priority]} ${last.state_to}`;
  node.querySelector(".what").textContent = first.title;
  node.querySelector(".when").textContent = time(first.at_us);
  const lines = steps.map((step) => {
    const line = document.createElement("li");
    line.textContent = `${time(step.at_us)} ${step.transition}: ${step.cause}${step.actor && step.actor !== "heartward" ? ` (${step.actor})` : ""}`;
    return line;
  });
  node.querySelector(".steps").replaceChildren(...lines);
}

async function strip(canvas, episode) {
  const answer = await fetch(`/api/v1/alarms/${encodeURIComponent(episode)}/strip`);
  if (!answer.ok) return;
  const samples = new Int16Array(await answer.arrayBuffer());
  canvas.hidden = false;
  const { pen, width, height } = ready(canvas), most = peak(samples);
  pen.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--trace").trim();
  pen.beginPath();
  samples.forEach((sample, i) => pen.lineTo((i / samples.length) * width, height / 2 - (sample / most) * (height / 2 - 3)));
  pen.stroke();
}

// Today by the clock alone, before with its day.
export function time(us) {
  const at = new Date(us / 1000), clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  if (at.toDateString() === new Date().toDateString()) return clock;
  return `${at.toLocaleDateString([], { weekday: "short", day: "numeric", month: "short" })} ${clock}`;
}
