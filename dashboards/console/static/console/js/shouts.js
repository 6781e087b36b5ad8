// What must not be overlooked: a page that is not up to date, a monitoring that is lost.

export class Shouts {
  constructor() {
    this.stale = document.getElementById("stale");
    this.staleS = document.getElementById("stale-s");
    this.loggedOut = document.getElementById("logged-out");
    this.lost = document.getElementById("lost");
    this.lostWhy = document.getElementById("lost-why");
    this.link = document.getElementById("link");
    this.isStale = false;
    this.isLost = false;
  }

  showLink(state, seconds, isRefused) {
    this.isStale = state === "stale";
    this.stale.hidden = !this.isStale;
    document.body.classList.toggle("stale", this.isStale);
    this.loggedOut.hidden = !isRefused;
    if (this.isStale) this.staleS.textContent = String(Math.floor(seconds));
    if (!this.link) return;
    this.link.className = `link-state ${state === "live" ? "" : state}`;
    const words = { live: "live", waiting: "waiting", stale: "NOT UP TO DATE" }[state];
    if (this.link.textContent !== words) this.link.textContent = words;
  }

  showLost(lost) {
    this.isLost = lost.length > 0;
    this.lost.hidden = !this.isLost;
    const words = lost.join("; ");
    if (this.lostWhy.textContent !== words) this.lostWhy.textContent = words;
  }

  priorities() {
    return this.isStale || this.isLost ? ["high"] : [];
  }
}
