// Drop files, see them go, wait for their answers.

import { ApiError, call, insist, newId } from "../../console/js/api.js";
import { groups } from "./files.js";

const LOOK_EVERY_MS = 400;
const AT_ONCE = 2;
const form = document.getElementById("upload");

if (form) {
  const input = document.getElementById("files"), drop = document.getElementById("drop");
  const waiting = [];
  let running = 0;
  input.addEventListener("change", () => { take([...input.files]); input.value = ""; });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
  drop.addEventListener("drop", (event) => take([...event.dataTransfer.files]));

  function take(files) {
    for (const group of groups(files)) waiting.push(new Upload(group));
    next();
  }

  function next() {
    while (running < AT_ONCE && waiting.length) {
      running += 1;
      waiting.shift().run().finally(() => { running -= 1; next(); });
    }
  }
}

class Upload {
  constructor(files) {
    this.files = files;
    this.line = document.getElementById("one-upload").content.firstElementChild.cloneNode(true);
    this.state = this.line.querySelector(".upload-state");
    this.bar = this.line.querySelector("progress");
    this.name = files[0].name;
    this.line.querySelector(".upload-name").textContent = this.name;
    this.bar.setAttribute("aria-label", `Progress of ${this.name}`);
    this.say("waiting");
    document.getElementById("uploads").prepend(this.line);
  }

  say(words) {
    if (this.state.textContent !== words) this.state.textContent = words;
  }

  async run() {
    try {
      const most = Number(form.dataset.mostBytes), size = this.files.reduce((sum, file) => sum + file.size, 0);
      if (size > most) throw new Error(`it has ${mebibytes(size)}, and ${mebibytes(most)} are the most`);
      const id = newId(); // with which it may be sent again and is kept once
      const taken = await insist(() => this.send(id));
      this.isTaken = true;
      this.show(await this.settled(taken));
    } catch (error) {
      const isOnlyAway = this.isTaken && !(error instanceof ApiError && error.status < 500);
      this.refuse(isOnlyAway ? "the console does not answer; the recording was taken, and its result will be in the history" : error.message);
    }
  }

  send(id) {
    const body = new FormData();
    body.append("id", id);
    for (const file of this.files) body.append("files", file);
    for (const name of ["ward", "patient_id", "note"]) body.append(name, form.elements[name].value);
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", form.dataset.url);
      request.setRequestHeader("X-CSRFToken", document.body.dataset.csrf);
      request.setRequestHeader("Accept", "application/json");
      request.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable) return;
        this.bar.value = (100 * event.loaded) / event.total;
        this.say(`uploading, ${Math.round(this.bar.value)} %`);
      });
      request.addEventListener("load", () => {
        const answer = parsed(request.responseText);
        if (request.status < 300) resolve(answer);
        else reject(this.away(new ApiError(request.status, words(answer) ?? `it was not taken (${request.status})`)));
      });
      request.addEventListener("error", () => reject(this.away(new Error("the connection broke: try again"))));
      request.send(body);
    });
  }

  // It is taken, so whatever happens to the connection its answer comes, if late.
  async settled(recording) {
    this.bar.removeAttribute("value");
    let now = recording;
    while (now.state === "queued") {
      this.say(now.stage === "waiting" || !now.stage ? "in the queue" : now.stage);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      now = await insist(() => this.look(recording.id));
    }
    return now;
  }

  async look(id) {
    try {
      return await call("GET", `${form.dataset.url}/${id}`);
    } catch (error) {
      throw this.away(error);
    }
  }

  away(error) {
    if (!(error instanceof ApiError) || error.status >= 500) this.say("the console does not answer; trying again");
    return error;
  }

  show(recording) {
    if (recording.state === "refused") return this.refuse(recording.reason);
    this.bar.remove();
    this.line.classList.add("done");
    const link = document.createElement("a");
    link.href = `${form.dataset.page}${recording.id}/`;
    link.textContent = "Show the result";
    const share = recording.finding ? `${recording.finding}, ${Math.round(recording.probability * 100)} %` : "no finding: the signal is too poor";
    const rate = recording.rate_bpm ? ` · ${Math.round(recording.rate_bpm)} bpm` : "";
    this.state.replaceChildren(`${share}${rate} · signal ${recording.verdict} · `, link);
  }

  refuse(reason) {
    this.bar.remove();
    this.line.classList.add("refused");
    this.say(`✕ ${reason}`);
  }
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

function words(answer) {
  if (!answer) return null;
  const first = answer.detail ?? Object.values(answer)[0];
  return Array.isArray(first) ? first.join(" ") : typeof first === "string" ? first : null;
}

function mebibytes(bytes) {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}
