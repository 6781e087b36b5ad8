// For how long an alarm is put aside: always with an end.

import { whose } from "./banner.js";

export class Shelf {
  // `nowUs` gives the server's time: an end is held against the server's clock.
  constructor(dialog, nowUs) {
    Object.assign(this, { dialog, nowUs });
  }

  // The end in microseconds, or null where nothing was chosen.
  ask(alarm) {
    this.dialog.querySelector(".of").textContent = `${alarm.title}, ${whose(alarm)}`;
    this.dialog.returnValue = "";
    this.dialog.showModal();
    return new Promise((answer) => {
      this.dialog.addEventListener("close", () => {
        const minutes = Number(this.dialog.returnValue);
        answer(minutes ? Math.round(this.nowUs() + minutes * 60e6) : null);
      }, { once: true });
    });
  }
}
