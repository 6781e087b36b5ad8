// The alarms that call, the most urgent first, each with its answers.

import { act } from "./api.js";
import { SYMBOLS, STATES } from "./words.js";

const MOST = matchMedia("(max-width: 640px)").matches ? 2 : 4;
const SHOWN_MS = 3000;
const ORDER = ["high", "medium", "low"];
const PIPELINE = "_pipeline";

export function calling(alarms) {
  return alarms
    .filter((alarm) => alarm.state === "active" || alarm.state === "latched")
    .sort((a, b) => ORDER.indexOf(a.priority) - ORDER.indexOf(b.priority) || b.began_us - a.began_us);
}

export function whose(alarm) {
  return alarm.bed ? `Bed ${alarm.bed}` : alarm.device_id === PIPELINE ? "Monitoring" : alarm.device_id;
}

export class Banner {
  constructor(box, template, shelf, mayAct) {
    Object.assign(this, { box, template, shelf, mayAct, shown: "", alarms: [], open: false });
    this.asked = new Map(); // by episode: what became of the answer, in words
  }

  show(alarms) {
    this.alarms = alarms;
    const calls = calling(alarms);
    const picture = JSON.stringify([this.open, ...calls.map((a) => [a.episode_id, a.state, a.priority, a.cause, a.escalation, this.asked.get(a.episode_id)])]);
    if (picture === this.shown) return;
    this.shown = picture;
    const focused = document.activeElement?.closest?.(".alarm");
    const button = focused && [...focused.querySelectorAll("button")].indexOf(document.activeElement);
    const lines = calls.slice(0, this.open ? calls.length : MOST).map((alarm) => this.line(alarm));
    if (calls.length > MOST) lines.push(this.rest(calls.length - MOST));
    this.box.replaceChildren(...lines);
    if (focused) this.box.querySelectorAll(`[data-episode="${focused.dataset.episode}"] button`)[button]?.focus();
  }

  rest(count) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "rest";
    button.textContent = this.open ? "Show fewer" : `and ${count} more`;
    button.setAttribute("aria-expanded", String(this.open));
    button.addEventListener("click", () => { this.open = !this.open; this.show(this.alarms); });
    return button;
  }

  line(alarm) {
    const node = this.template.content.firstElementChild.cloneNode(true);
    const at = (selector) => node.querySelector(selector), said = this.asked.get(alarm.episode_id);
    node.classList.add(alarm.priority, "calls");
    node.dataset.episode = alarm.episode_id;
    at(".where").textContent = `${SYMBOLS[alarm.priority]} ${whose(alarm)}`;
    if (alarm.device_id !== PIPELINE) at(".where").href = `/beds/${encodeURIComponent(alarm.device_id)}/`;
    at(".what").textContent = alarm.title;
    const escalated = alarm.escalation && `escalated ${alarm.escalation}×`;
    at(".why").textContent = at(".why").title = said ?? [escalated, STATES[alarm.state], alarm.cause].filter(Boolean).join(" · ");
    const acknowledge = at(".acknowledge"), shelve = at(".shelve"), of = `${alarm.title}, ${whose(alarm)}`;
    acknowledge.hidden = !this.mayAct;
    acknowledge.setAttribute("aria-label", `Acknowledge ${of}`);
    acknowledge.disabled = Boolean(said) && !said.startsWith("Not");
    acknowledge.addEventListener("click", () => this.ask(alarm, "acknowledge", {}));
    // What is over has nothing to be shelved, and the monitoring itself must not be silent for hours.
    shelve.hidden = !this.mayAct || alarm.state !== "active" || alarm.device_id === PIPELINE;
    shelve.setAttribute("aria-label", `Shelve ${of}`);
    shelve.addEventListener("click", async () => {
      const untilUs = await this.shelf.ask(alarm);
      if (untilUs) this.ask(alarm, "shelve", { until_us: untilUs });
    });
    return node;
  }

  async ask(alarm, action, more) {
    this.say(alarm, "Sending…");
    try {
      const done = await act(action, alarm.device_id, { episode_id: alarm.episode_id, ...more });
      this.say(alarm, done.stored ? "Sent" : "Kept: it is told as soon as that can be");
    } catch (error) {
      this.say(alarm, `Not done: ${error.message}`);
      return;
    }
    setTimeout(() => this.say(alarm, undefined), SHOWN_MS);
  }

  say(alarm, words) {
    if (words === undefined) this.asked.delete(alarm.episode_id);
    else this.asked.set(alarm.episode_id, words);
    this.show(this.alarms);
  }
}
