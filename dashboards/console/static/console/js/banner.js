// The alarms that call, the most urgent first, each with its answer.

import { act } from "./api.js";
import { SYMBOLS, STATES } from "./words.js";

const MOST = 4;
const ORDER = ["high", "medium", "low"];

export function calling(alarms) {
  return alarms
    .filter((alarm) => alarm.state === "active" || alarm.state === "latched")
    .sort((a, b) => ORDER.indexOf(a.priority) - ORDER.indexOf(b.priority) || b.began_us - a.began_us);
}

export class Banner {
  constructor(box, template, mayAct) {
    this.box = box;
    this.template = template;
    this.mayAct = mayAct;
    this.shown = "";
    this.asked = new Set();
  }

  show(alarms) {
    const calls = calling(alarms);
    const picture = JSON.stringify(calls.map((a) => [a.episode_id, a.state, a.priority, a.cause, a.escalation, this.asked.has(a.episode_id)]));
    if (picture === this.shown) return;
    this.shown = picture;
    const focused = document.activeElement?.closest?.(".alarm")?.dataset.episode;
    const lines = calls.slice(0, MOST).map((alarm) => this.line(alarm));
    if (calls.length > MOST) {
      const rest = document.createElement("div");
      rest.className = "rest";
      rest.textContent = `and ${calls.length - MOST} more`;
      lines.push(rest);
    }
    this.box.replaceChildren(...lines);
    if (focused) this.box.querySelector(`[data-episode="${focused}"] button`)?.focus();
  }

  line(alarm) {
    const node = this.template.content.firstElementChild.cloneNode(true);
    node.classList.add(alarm.priority, "calls");
    node.dataset.episode = alarm.episode_id;
    node.querySelector(".where").textContent = `${SYMBOLS[alarm.priority]} ${alarm.bed ? `Bed ${alarm.bed}` : alarm.device_id === "_pipeline" ? "Monitoring" : alarm.device_id}`;
    node.querySelector(".what").textContent = alarm.title + (alarm.escalation ? ` (escalated ${alarm.escalation}×)` : "");
    node.querySelector(".why").textContent = [STATES[alarm.state], alarm.cause].filter(Boolean).join(" · ");
    const button = node.querySelector(".acknowledge");
    button.hidden = !this.mayAct;
    button.setAttribute("aria-label", `Acknowledge ${alarm.title}, ${alarm.bed ? `bed ${alarm.bed}` : alarm.device_id}`);
    button.disabled = this.asked.has(alarm.episode_id);
    button.addEventListener("click", () => this.acknowledge(alarm, node, button));
    return node;
  }

  async acknowledge(alarm, node, button) {
    button.disabled = true;
    this.asked.add(alarm.episode_id);
    try {
      const done = await act("acknowledge", alarm.device_id, { episode_id: alarm.episode_id });
      if (!done.stored) node.querySelector(".why").textContent = "Kafka is away: it is told as soon as it is back";
    } catch (error) {
      node.querySelector(".why").textContent = `Not acknowledged: ${error.message}`;
      button.disabled = false;
    }
    setTimeout(() => this.asked.delete(alarm.episode_id), 3000);
  }
}
