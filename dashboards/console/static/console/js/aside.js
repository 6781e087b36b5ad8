// Open alarms of a bed that do not call: acknowledged ones, and shelved ones with their end.

import { act } from "./api.js";
import { STATES, SYMBOLS, until } from "./words.js";

export class Aside {
  constructor(box, template, mayAct) {
    Object.assign(this, { box, template, mayAct, shown: "" });
  }

  show(alarms) {
    const quiet = alarms.filter((alarm) => ["acknowledged", "shelved"].includes(alarm.state));
    const picture = JSON.stringify(quiet);
    if (picture === this.shown) return;
    this.shown = picture;
    this.box.hidden = !quiet.length;
    this.box.querySelector(".lines").replaceChildren(...quiet.map((alarm) => this.line(alarm)));
  }

  line(alarm) {
    const node = this.template.content.firstElementChild.cloneNode(true);
    node.querySelector(".tag").textContent = `${SYMBOLS[alarm.priority]} ${alarm.title}`;
    node.querySelector(".why").textContent = `${STATES[alarm.state]}${until(alarm)} · ${alarm.cause}`;
    const back = node.querySelector(".back");
    back.hidden = !this.mayAct || alarm.state !== "shelved";
    back.setAttribute("aria-label", `Take ${alarm.title} back from the shelf`);
    back.addEventListener("click", async () => {
      back.disabled = true;
      try {
        await act("resume", alarm.device_id, { episode_id: alarm.episode_id });
      } catch (error) {
        node.querySelector(".why").textContent = `Not done: ${error.message}`;
        back.disabled = false;
      }
    });
    return node;
  }
}
