// One tile: painted from a picture, and only where it differs from what is shown.

import { Strip } from "./strip.js";
import { EMPTY_SHELF, SYMBOLS, STATES, age, clock, finding, findingNote, isFresh, place, shelved, until } from "./words.js";

const QUALITY = { good: [3, "good signal"], poor: [1, "poor signal"], unusable: [0, "no usable signal"] };
const OVER = { offline: "OFFLINE", silent: "NO RESULT", waiting: "WAITING", standby: "STANDBY" };

export class Tile {
  constructor(template, bed) {
    this.node = template.content.firstElementChild.cloneNode(true);
    const at = (selector) => this.node.querySelector(selector);
    this.parts = {
      open: at(".open"), bed: at(".bed"), who: at(".who"), age: at(".age"), rate: at(".rate b"),
      finding: at(".finding"), over: at(".over"), alarm: at(".alarm-line"), tag: at(".alarm-line .tag"),
      why: at(".alarm-line .why"), meter: at(".meter"), quality: at(".quality-text"), battery: at(".battery"),
    };
    this.strip = new Strip(at(".strip"));
    this.node.dataset.device = bed.device_id;
    this.parts.open.href = `/beds/${encodeURIComponent(bed.device_id)}/`;
    this.show(bed);
  }

  show(bed) {
    this.bed = bed;
    const { parts, node } = this;
    const alarm = bed.alarms[0];
    set(node.dataset, "standing", bed.standing);
    set(node.dataset, "priority", alarm && alarm.state !== "shelved" ? alarm.priority : "");
    set(node.dataset, "calls", String(Boolean(alarm) && ["active", "latched"].includes(alarm.state)));
    text(parts.bed, place(bed));
    text(parts.who, bed.patient_id ?? bed.device_id);
    parts.who.title = [bed.patient_id, bed.ward, bed.device_id].filter(Boolean).join(" · ");
    text(parts.rate, isFresh(bed) && bed.rate_bpm !== null && bed.verdict !== "unusable" ? String(Math.round(bed.rate_bpm)) : "–");
    this.showFinding(bed);
    text(parts.over, OVER[bed.standing] ?? "");
    parts.over.hidden = !OVER[bed.standing];
    this.showAlarm(alarm, bed.alarms.length, bed.shelves[0]);
    this.showBase(bed);
    text(parts.open, "");
    parts.open.setAttribute("aria-label", this.spoken());
  }

  showFinding(bed) {
    const words = finding(bed), note = findingNote(bed);
    set(this.node.dataset, "finding", kindOf(bed));
    if (this.findingShown === words + note) return;
    this.findingShown = words + note;
    const small = document.createElement("small");
    small.textContent = small.title = note;
    this.parts.finding.replaceChildren(words, small);
  }

  showAlarm(alarm, count, shelf) {
    const { alarm: line, tag, why } = this.parts;
    line.hidden = !alarm && !shelf;
    if (!alarm) { if (shelf) this.showShelf(shelf); return; }
    const state = STATES[alarm.state];
    line.classList.toggle("answered", Boolean(state));
    tag.className = `tag ${alarm.state === "acknowledged" || alarm.state === "shelved" ? "off" : alarm.priority}`;
    text(tag, `${state === "acknowledged" ? "✓" : SYMBOLS[alarm.priority]} ${alarm.title}${count > 1 ? ` +${count - 1}` : ""}`);
    why.title = alarm.cause;
    text(why, state ? state + until(alarm) : alarm.cause);
  }

  showShelf(shelf) {
    const { alarm: line, tag, why } = this.parts;
    line.classList.add("answered");
    tag.className = "tag off";
    text(tag, shelf.title);
    text(why, shelved(shelf));
    why.title = EMPTY_SHELF;
  }

  showBase(bed) {
    const [level, words] = (isFresh(bed) && QUALITY[bed.verdict]) || [0, "no signal"];
    set(this.parts.meter.dataset, "level", String(level));
    const gap = isFresh(bed) && bed.gap_fraction > 0.02 ? `, ${Math.round(bed.gap_fraction * 100)} % missing` : "";
    text(this.parts.quality, isFresh(bed) && bed.contact === false ? "no contact" : words + gap);
    const battery = this.parts.battery, share = bed.battery_fraction;
    battery.hidden = share === null;
    if (share === null) return;
    battery.classList.toggle("low", share < 0.2);
    battery.querySelector("i b").style.setProperty("--fill", `${Math.round(share * 100)}%`);
    text(battery.querySelector("span"), `${Math.round(share * 100)} %`);
  }

  // What changes with time alone.
  tick(nowUs) {
    const until = this.bed.standby_until_us ?? this.bed.paused_until_us;
    const left = until ? ` · ${this.bed.standby_until_us ? "standby" : "audio paused"} ${clock((until - nowUs) / 1e6)}` : "";
    text(this.parts.age, age(this.bed, nowUs) + left);
  }

  spoken() {
    const { bed } = this, alarm = bed.alarms[0];
    return [`Bed ${place(bed)}`, finding(bed), bed.rate_bpm && `${Math.round(bed.rate_bpm)} beats per minute`,
      alarm && `${alarm.priority} alarm: ${alarm.title}`].filter(Boolean).join(", ");
  }
}

// What the symbol before the finding stands for, whether or not an alarm calls.
function kindOf(bed) {
  if (bed.standing !== "alarm") return bed.standing;
  if (bed.verdict !== "good" || !bed.finding || bed.abstained) return "";
  return bed.finding === "normal" ? "normal" : "abnormal";
}

function text(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

function set(dataset, name, value) {
  if (dataset[name] !== value) dataset[name] = value;
}
