// Numbers and states in words.

export const SYMBOLS = { high: "▲▲▲", medium: "▲▲", low: "▲" };
export const STATES = { active: "", latched: "over, not yet seen", acknowledged: "acknowledged", shelved: "shelved" };
export const EMPTY_SHELF = "not so now, and silent if it comes back before then";

const STANDINGS = {
  offline: "Device offline", silent: "No result", poor: "Poor signal", waiting: "Waiting for sound",
  standby: "Standby",
};

// Whether what was last said of a bed is of the present.
export function isFresh(bed) {
  return !["offline", "silent", "waiting", "standby"].includes(bed.standing);
}

export function finding(bed) {
  if (STANDINGS[bed.standing]) return STANDINGS[bed.standing];
  if (!bed.finding || bed.abstained) return "No finding";
  return capital(bed.finding.replaceAll("_", " "));
}

export function findingNote(bed) {
  if (bed.standing === "poor") return bed.reasons.join(", ") || "not judged";
  if (bed.standing === "standby") return "not watched";
  if (["offline", "silent", "waiting"].includes(bed.standing)) return bed.online === false ? "the device has gone" : "";
  if (!bed.finding || bed.abstained) return bed.reasons.join(", ") || "not sure enough to say";
  return bed.probability === null ? "" : `${Math.round(bed.probability * 100)} % · ${bed.model.split("-")[0]}`;
}

export function age(bed, nowUs) {
  if (!bed.published_us) return "never";
  return ago(Math.max(0, (nowUs - bed.published_us) / 1e6));
}

export function ago(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}

export function clock(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// Until when what is shelved stays so, by the clock on the wall.
export function until(alarm) {
  return alarm.state === "shelved" && alarm.until_us ? untilClock(alarm) : "";
}

function untilClock({ until_us: untilUs }) {
  return ` until ${new Date(untilUs / 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })}`;
}

// A shelf on which no alarm lies.
export function shelved(shelf) {
  return `shelved${untilClock(shelf)}`;
}

export function place(bed) {
  return bed.bed ? `${bed.bed}` : "Unassigned";
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
