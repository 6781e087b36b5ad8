// A notification of the system for each alarm that begins to call while the page is not looked at.
// It names bed and condition, never the patient: it may be seen on a locked screen.

import { calling, whose } from "./banner.js";
import { SYMBOLS } from "./words.js";

const WORKER = new URL("./notices.js", import.meta.url);

export class Notifier {
  // Browsers ask the person once, and want a click before: that which turns the sound on.
  constructor(button) {
    this.told = new Set();
    this.registration = this.register();
    button.addEventListener("click", () => {
      if ("Notification" in window && Notification.permission === "default") Notification.requestPermission();
    });
  }

  // Telephones and tablets let only a service worker notify, and pages without HTTPS have none.
  async register() {
    if (!navigator.serviceWorker) return null;
    try {
      const registration = await navigator.serviceWorker.register(WORKER);
      await activated(registration);
      return registration;
    } catch (error) {
      console.warn("notifications are not to be had:", error);
      return null;
    }
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

  async tell(alarm) {
    const registration = await this.registration;
    await registration?.showNotification(`${SYMBOLS[alarm.priority]} ${whose(alarm)}: ${alarm.title}`, {
      body: alarm.cause, tag: alarm.episode_id, requireInteraction: alarm.priority === "high", data: { url: "/" },
    });
  }
}

function activated(registration) {
  const worker = registration.installing ?? registration.waiting;
  if (registration.active || !worker) return Promise.resolve();
  return new Promise((done) => {
    worker.addEventListener("statechange", () => { if (worker.state === "activated") done(); });
  });
}
