// The filtered sound, with a cursor that moves over the pictures.

export class Player {
  constructor(box, time, onMove) {
    this.box = box;
    this.time = time;
    this.onMove = onMove;
    this.audio = box.querySelector("audio");
    this.button = box.querySelector(".play");
    this.note = box.querySelector(".player .note");
    this.button.addEventListener("click", () => this.toggle());
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.show());
    this.audio.addEventListener("seeked", () => this.follow());
    const frame = () => { if (!this.audio.paused) this.follow(); requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
  }

  async toggle() {
    if (!this.audio.paused) return this.audio.pause();
    if (await this.fetched()) await this.audio.play();
    return undefined;
  }

  async seek(atS) {
    if (!(await this.fetched())) return;
    this.audio.currentTime = Math.max(0, atS);
  }

  // Fetched when it is first wanted, for that it was listened to is written down.
  async fetched() {
    this.fetching ??= this.fetch();
    return this.fetching;
  }

  async fetch() {
    const answer = await fetch(this.box.dataset.sound);
    if (!answer.ok) {
      this.note.textContent = `It cannot be heard: ${(await answer.json()).detail}`;
      return false;
    }
    this.audio.src = URL.createObjectURL(await answer.blob());
    return new Promise((resolve) => {
      this.audio.addEventListener("loadedmetadata", () => resolve(true), { once: true });
      this.audio.addEventListener("error", () => {
        this.note.textContent = `It cannot be played here: ${this.audio.error.message}`;
        resolve(false);
      }, { once: true });
    });
  }

  show() {
    this.button.textContent = this.audio.paused ? "▶ Listen, filtered" : "❚❚ Pause";
  }

  follow() {
    const atS = this.audio.currentTime;
    this.time.cursorS = atS;
    this.note.textContent = `${atS.toFixed(1)} of ${this.time.durationS.toFixed(1)} s`;
    if (!this.time.isWhole && (atS < this.time.fromS || atS > this.time.toS)) this.time.show(atS - 0.1 * this.time.spanS, this.time.spanS);
    this.onMove();
  }
}
