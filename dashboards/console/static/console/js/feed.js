// The live feed: connects, reconnects, and knows how old its last word is.

const STALE_AFTER_MS = 5000;
const RETRY_MS = 1500;
const NAMES = ["snapshot", "bed", "strip", "pipeline", "gone", "pulse"];

export class Feed {
  // `on` maps event names to functions; `onLink` is told "live", "waiting" or "stale", and for how long.
  constructor(url, on, onLink) {
    this.url = url;
    this.on = on;
    this.onLink = onLink;
    this.heardMs = performance.now();
    this.offsetUs = null;
    this.connect();
    setInterval(() => this.look(), 500);
    addEventListener("online", () => this.connect());
    document.addEventListener("visibilitychange", () => this.look());
  }

  // The server's time in microseconds, as far as the fastest message tells it.
  nowUs() {
    return Date.now() * 1000 + (this.offsetUs ?? 0);
  }

  connect() {
    clearTimeout(this.retry);
    this.source?.close();
    const source = (this.source = new EventSource(this.url));
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        if (source === this.source) this.take(name, JSON.parse(event.data));
      });
    }
    source.onerror = () => {
      if (source !== this.source || source.readyState !== EventSource.CLOSED) return;
      this.retry = setTimeout(() => this.connect(), RETRY_MS);
      this.askWhy();
    };
  }

  // A feed that is refused says no reason, and a session ends after a shift.
  async askWhy() {
    const answer = await fetch("/api/v1/alarms", { headers: { Accept: "application/json" } }).catch(() => null);
    this.isRefused = answer?.status === 401;
  }

  take(name, picture) {
    this.heardMs = performance.now();
    if (picture.server_us) this.setClock(picture.server_us);
    this.on[name]?.(picture);
    this.look();
  }

  setClock(serverUs) {
    const offsetUs = serverUs - Date.now() * 1000;
    const isFaster = this.offsetUs === null || offsetUs > this.offsetUs;
    this.offsetUs = isFaster ? offsetUs : this.offsetUs + (offsetUs - this.offsetUs) / 50;
  }

  look() {
    const silentMs = performance.now() - this.heardMs;
    const state = silentMs > STALE_AFTER_MS ? "stale" : silentMs > 2500 ? "waiting" : "live";
    this.onLink(state, silentMs / 1000, state === "stale" && this.isRefused);
    // A connection that is open and says nothing is dead, whatever the browser thinks of it.
    if (silentMs > 2 * STALE_AFTER_MS && performance.now() - (this.forcedMs ?? 0) > STALE_AFTER_MS) {
      this.forcedMs = performance.now();
      this.connect();
    }
  }
}
