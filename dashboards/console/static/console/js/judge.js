// A clinician's verdict: agree, disagree with what it is instead, or artefact.

import { call } from "./api.js";

// `what` names the alarm, or the bed and the moment, when a button is pressed.
export function judgeWith(node, what) {
  node.querySelectorAll("[data-verdict]").forEach((button) => button.addEventListener("click", () => judge(node, what(), button)));
}

async function judge(node, what, button) {
  const verdict = button.dataset.verdict, instead = node.querySelector(".instead");
  const corrected = verdict === "disagree" ? instead.value.trim() : "";
  if (verdict === "disagree" && !corrected) {
    instead.hidden = false;
    instead.focus();
    node.querySelector(".verdict").textContent = "Say what it is instead, then press Disagree again";
    return;
  }
  try {
    await call("POST", "/api/v1/labels", { ...what, verdict, corrected });
    node.querySelectorAll("[data-verdict]").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    instead.hidden = true;
    node.querySelector(".verdict").textContent = "kept, with its sound";
  } catch (error) {
    node.querySelector(".verdict").textContent = error.message;
  }
}
