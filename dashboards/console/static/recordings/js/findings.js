// What has been found so far, and window by window.

const byId = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(share * 100)} %`;

export class Findings {
  constructor() {
    this.windows = [];
  }

  add(windows) {
    for (const window of windows) {
      this.windows.push(window);
      byId("windows").prepend(row(window));
    }
    if (windows.length) this.sum(this.windows.at(-1));
  }

  // As for a whole recording: the mean of the usable windows.
  sum(latest) {
    const usable = this.windows.filter((window) => window.quality.verdict !== "unusable");
    const screens = usable.map((window) => window.findings.find((one) => one.model === "screen")).filter(Boolean);
    byId("quality").textContent = latest.quality.verdict;
    byId("reasons").textContent = latest.quality.reasons.join("; ") || "nothing to object to";
    const rates = usable.map((window) => window.heart?.rate_bpm).filter(Boolean).sort((a, b) => a - b);
    byId("rate").textContent = rates.length ? String(Math.round(rates[Math.floor(rates.length / 2)])) : "–";
    byId("finding-note").textContent = `${usable.length} of ${this.windows.length} windows usable`;
    if (!screens.length) {
      byId("finding").textContent = "≈ no finding yet";
      return;
    }
    const names = Object.keys(screens[0].probabilities);
    const means = names.map((name) => [name, screens.reduce((sum, one) => sum + one.probabilities[name], 0) / screens.length]);
    const [label, share] = means.sort((a, b) => b[1] - a[1])[0];
    byId("finding").textContent = `${label === "normal" ? "✓" : "▲"} ${label} ${percent(share)}`;
  }
}

function row(window) {
  const node = document.createElement("tr");
  const rate = window.heart ? `${Math.round(window.heart.rate_bpm)} bpm` : "–";
  node.append(cell(`${window.start_s.toFixed(1)} s`, "number"), cell([window.quality.verdict, ...window.quality.reasons].join(": ")), cell(rate, "number"));
  const found = cell("");
  for (const finding of window.findings) {
    const one = document.createElement("span");
    one.className = "windows-probability";
    one.textContent = `${finding.model}: ${finding.label} ${percent(finding.probabilities[finding.label])}`;
    found.append(one);
  }
  node.append(found);
  return node;
}

function cell(words, kind = "") {
  const node = document.createElement("td");
  node.textContent = words;
  node.className = kind;
  return node;
}
