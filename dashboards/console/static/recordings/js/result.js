// The page of a result, and of two beside each other.

import { call } from "../../console/js/api.js";
import { Plots } from "./plots.js";

const LOOK_EVERY_MS = 500;

for (const box of document.querySelectorAll(".plots")) new Plots(box).load();

const waiting = document.getElementById("waiting");
if (waiting) wait();

async function wait() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    try {
      const recording = await call("GET", waiting.dataset.url);
      if (recording.state !== "queued") return location.reload();
      document.getElementById("stage").textContent = recording.stage === "waiting" ? "in the queue" : recording.stage;
    } catch (error) {
      document.getElementById("stage").textContent = `no answer from the console: ${error.message}`;
    }
  }
}

const sure = document.getElementById("sure");
document.getElementById("delete")?.addEventListener("click", () => sure.showModal());
document.getElementById("keep")?.addEventListener("click", () => sure.close());
