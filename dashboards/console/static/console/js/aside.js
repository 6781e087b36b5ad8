// What of a bed does not call: acknowledged and shelved alarms, and shelves on which none lies now.

import { act } from "./api.js";
import { EMPTY_SHELF, STATES, SYMBOLS, shelved, until } from "./words.js";

export class Aside {
  constructor(box, template, mayAct) {
    Object.assign(this, { box, template, mayAct, shown: "" });
  }

  show(bed) {
    const quiet = [...(bed?.alarms ?? []).filter((alarm) => ["acknowledged", "shelved"].includes(alarm.state)).map(ofAlarm),
      ...(bed?.shelves ?? []).map((shelf) => ofShelf(shelf, bed.device_id))];
    const picture = JSON.stringify(quiet);
    if (picture === this.shown) return;
    this.shown = picture;
    this.box.hidden = !quiet.length;
    this.box.querySelector(".lines").replaceChildren(...quiet.map((one) => this.line(one)));
  }

  line(one) {
    const node = this.template.content.firstElementChild.cloneNode(true);
    node.querySelector(".tag").textContent = one.tag;
    node.querySelector(".why").textContent = one.why;
    const back = node.querySelector(".back");
    back.hidden = !this.mayAct || !one.isShelved;
    back.setAttribute("aria-label", `Take ${one.title} back from the shelf`);
    back.addEventListener("click", async () => {
      back.disabled = true;
      try {
        await act("resume", one.deviceId, { episode_id: one.id });
      } catch (error) {
        node.querySelector(".why").textContent = `Not done: ${error.message}`;
        back.disabled = false;
      }
    });
    return node;
  }
}

function ofAlarm(alarm) {
  return {
    id: alarm.episode_id, deviceId: alarm.device_id, title: alarm.title, isShelved: alarm.state === "shelved",
    tag: `${SYMBOLS[alarm.priority]} ${alarm.title}`, why: `${STATES[alarm.state]}${until(alarm)} · ${alarm.cause}`,
  };
}

function ofShelf(shelf, deviceId) {
  return { id: shelf.shelf_id, deviceId, title: shelf.title, isShelved: true, tag: shelf.title, why: `${shelved(shelf)} · ${EMPTY_SHELF}` };
}
