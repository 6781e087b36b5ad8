// A notification of the system for each alarm that begins to call while the page is not looked at.
// It names bed and condition, never the patient: it may be seen on a locked screen.

import { calling } from "./banner.js";
import { SYMBOLS } from "./words.js";

export class Notifier {
  constructor(button) {
    this.told = new Set();
    button.addEventListener("click", () => {
      if ("Notification" in window && Notification.permission === "default") Notification.requestPermission();
    });
  }

  show(alarms) {
    const calls = calling(alarms).filter((alarm) => alarm.sounds);
    const open = new Set(calls.map((alarm) => alarm.episode_id));
    for (const episode of this.told) if (!open.has(episode)) this.told.delete(episode);
    for (const alarm of calls) {
      if (this.told.has(alarm.episode_id)) continue;
      this.told.add(alarm.episode_id);
      if (document.hidden && window.Notification?.permission === "granted") this.tell(alarm);
    }
  }

  tell(alarm) {
    const where = alarm.bed ? `Bed ${alarm.bed}` : "Monitoring";
    const note = new Notification(`${SYMBOLS[alarm.priority]} ${where}: ${alarm.title}`, { body: alarm.cause, tag: alarm.episode_id });
    note.addEventListener("click", () => { window.focus(); note.close(); });
  }
}
