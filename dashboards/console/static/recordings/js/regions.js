// Which regions moved the decision: waits for the maps, offers them, says the strongest in words.

import { ApiError, call } from "../../console/js/api.js";

const LOOK_EVERY_MS = 1500, LOOKS = 60;

export class Regions {
  constructor(box, onMap, onGo) {
    this.box = box;
    this.onMap = onMap;
    this.onGo = onGo;
    this.choice = box.querySelector(".overlay");
    this.choice.addEventListener("change", () => this.choose());
  }

  async wait() {
    for (let look = 0; look < LOOKS; look += 1) {
      try {
        const explanation = await call("GET", this.box.dataset.saliency);
        if (explanation) return this.offer(explanation.maps);
      } catch (error) {
        if (error instanceof ApiError) return undefined;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return undefined;
  }

  offer(maps) {
    this.maps = maps;
    maps.forEach((map, place) => {
      const option = document.createElement("option");
      option.value = String(place);
      option.textContent = `${map.model}: ${map.label}`;
      this.choice.append(option);
    });
    this.choice.disabled = false;
  }

  choose() {
    const map = this.choice.value === "" ? null : this.maps[Number(this.choice.value)];
    const why = this.box.querySelector(".why"), list = this.box.querySelector(".regions");
    why.hidden = !map;
    this.onMap(map);
    if (!map) return;
    const asked = map.windows_asked < map.windows ? ` (the ${map.windows_asked} surest of ${map.windows} windows were asked)` : "";
    const lines = map.strongest.map((region) => this.line(region, map));
    const key = document.createElement("li");
    key.textContent = `Filled amber speaks for “${map.label}”, striped cyan against it${asked}.`;
    list.replaceChildren(...(lines.length ? lines : [note("No single region mattered by itself.")]), key);
  }

  line(region, map) {
    const item = document.createElement("li"), go = document.createElement("button");
    const where = region.phase ? `, in ${region.phase}` : "";
    go.type = "button";
    go.className = "quiet";
    go.textContent = `${region.start_s.toFixed(2)}–${region.end_s.toFixed(2)} s, ${region.low_hz}–${region.high_hz} Hz${where}`;
    go.addEventListener("click", () => this.onGo((region.start_s + region.end_s) / 2));
    item.append(go, `: without it ${map.model} gives “${map.label}” ${(100 * region.share).toFixed(1)} points less there`);
    return item;
  }
}

function note(words) {
  const item = document.createElement("li");
  item.textContent = words;
  return item;
}
