// A clinician's verdict: agree, disagree with what it is instead, or artefact.

import { call } from "./api.js";

// `what` names the alarm, or the bed and the moment, when a button is pressed; `show` tells that it
// is kept.
export function judgeWith(node, what, show = showVerdict) {
  node.querySelectorAll("[data-verdict]").forEach((button) => button.addEventListener("click", () => judge(node, what(), button, show)));
}

// The verdict that stands: the latest, whoever gave it.
export function showVerdict(node, label) {
  node.querySelectorAll("[data-verdict]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.verdict === label.verdict)));
  node.querySelector(".verdict").textContent = `${inWords(label)}; kept`;
}

// A verdict on a moment is no verdict on the next: no button stays pressed.
export function showMoment(node, label) {
  const clock = new Date(label.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  node.querySelector(".instead").value = "";
  node.querySelector(".verdict").textContent = `${clock} ${inWords(label)}; kept, with the sound around it`;
}

function inWords({ verdict, said, corrected, author }) {
  if (verdict === "artefact") return `Artefact (${author})`;
  return `${verdict === "agree" ? "Agreed" : "Disagreed"}: ${corrected ? `${corrected} instead of ${said}` : said} (${author})`;
}

async function judge(node, what, button, show) {
  const verdict = button.dataset.verdict, instead = node.querySelector(".instead");
  const corrected = verdict === "disagree" ? instead.value.trim() : "";
  if (verdict === "disagree" && !corrected) {
    instead.hidden = false;
    instead.focus();
    node.querySelector(".verdict").textContent = "Say what it is instead, then press Disagree again";
    return;
  }
  try {
    const made = await call("POST", "/api/v1/labels", { ...what, verdict, corrected });
    instead.hidden = true;
    show(node, made);
  } catch (error) {
    node.querySelector(".verdict").textContent = error.message;
  }
}
