// Sends the sound of an examination in order, and again until it has come.

const RETRY_MS = 1000;
const MOST_SAMPLES_AT_ONCE = 100000;

export class Sender {
  constructor(url, onHeard, onTrouble) {
    this.url = url;
    this.onHeard = onHeard;
    this.onTrouble = onTrouble;
    this.pieces = [];
    this.sent = 0;
    this.windows = 0;
    this.isOver = false;
  }

  add(piece) {
    this.pieces.push(piece);
  }

  get unsent() {
    return this.pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  // Until `end` was called and all is sent.
  async run() {
    while (!this.isOver || this.pieces.length) {
      if (this.unsent < this.atLeast && !this.isOver) await pause(100);
      else if (!(await this.step())) await pause(RETRY_MS);
    }
  }

  end() {
    this.isOver = true;
  }

  async step() {
    const batch = this.batch();
    try {
      const answer = await this.post(batch);
      this.pieces.splice(0, batch.count);
      this.sent += batch.samples.length;
      this.windows += answer.windows.length;
      if (answer.is_full) { this.isOver = true; this.pieces = []; }
      this.onHeard(answer);
      return true;
    } catch (error) {
      this.onTrouble(error);
      if (error.isFinal) { this.isOver = true; this.pieces = []; }
      return false;
    }
  }

  batch() {
    let count = 0, total = 0;
    while (count < this.pieces.length && total + this.pieces[count].length <= MOST_SAMPLES_AT_ONCE) total += this.pieces[count++].length;
    const samples = new Int16Array(total);
    let at = 0;
    for (const piece of this.pieces.slice(0, count)) { samples.set(piece, at); at += piece.length; }
    return { count, samples };
  }

  async post({ samples }) {
    const url = `${this.url}?first_sample=${this.sent}&windows_known=${this.windows}`;
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream", Accept: "application/json", "X-CSRFToken": document.body.dataset.csrf },
      body: samples,
      signal: AbortSignal.timeout(10000),
    });
    const said = await answer.json();
    if (answer.ok) return said;
    const error = new Error(said.detail ?? answer.statusText);
    error.isFinal = answer.status < 500;
    throw error;
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
