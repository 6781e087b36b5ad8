// A live examination: microphone, level, waveform, findings, save or discard.

import { call } from "../../console/js/api.js";
import { LiveWave, levels } from "./live_wave.js";
import { Findings } from "./findings.js";
import { Microphone, microphones } from "./microphone.js";
import { Sender } from "./sender.js";

const byId = (id) => document.getElementById(id);
const { begin, worklet, recordings, longestS } = document.body.dataset;
const findings = new Findings();
let wave = null, microphone = null, sender = null, running = null, examination = null, samples = 0;

fill();
byId("setup").addEventListener("submit", (event) => { event.preventDefault(); start(); });
byId("stop").addEventListener("click", stop);
byId("save").addEventListener("click", save);
byId("discard").addEventListener("click", discard);
addEventListener("beforeunload", (event) => { if (examination) event.preventDefault(); });

async function fill() {
  for (const device of await microphones()) {
    const option = document.createElement("option");
    option.value = device.deviceId;
    option.textContent = device.label || "Another microphone";
    byId("microphone").append(option);
  }
}

async function start() {
  byId("trouble").textContent = "";
  byId("start").disabled = true;
  const early = [];
  try {
    microphone = await Microphone.open(byId("microphone").value, worklet, (piece) => (sender ? take(piece) : early.push(piece)));
    examination = await call("POST", begin, { ward: byId("ward").value, patient_id: byId("patient").value.trim(), sample_rate_hz: microphone.rateHz });
  } catch (error) {
    await microphone?.close();
    microphone = null;
    byId("trouble").textContent = `It cannot begin: ${error.message}`;
    byId("start").disabled = false;
    return;
  }
  sender = new Sender(`${begin}/${examination.id}/sound`, heard, trouble);
  sender.atLeast = microphone.rateHz / 2;
  wave = new LiveWave(byId("wave"), microphone.rateHz);
  byId("setup").hidden = true;
  byId("running").hidden = byId("windows-panel").hidden = false;
  running = sender.run();
  early.splice(0).forEach(take);
}

function take(piece) {
  samples += piece.length;
  sender.add(piece);
  wave.add(piece);
  const { db, words } = levels(piece);
  byId("level").value = db;
  byId("level-words").textContent = words;
  const seconds = Math.floor(samples / microphone.rateHz);
  byId("clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (seconds >= Number(longestS)) stop();
}

function heard(answer) {
  byId("sending").textContent = "";
  findings.add(answer.windows);
}

function trouble(error) {
  byId("sending").textContent = error.isFinal ? `it ended: ${error.message}` : "the console does not answer; what is recorded waits here";
}

async function stop() {
  if (byId("stop").disabled) return;
  byId("stop").disabled = true;
  await microphone.close();
  sender.end();
  byId("sending").textContent = "sending the rest";
  await running;
  byId("sending").textContent = "";
  document.querySelector(".recording-dot").hidden = true;
  byId("keep").hidden = false;
  byId("save").focus();
}

async function save() {
  try {
    const recording = await call("POST", `${begin}/${examination.id}/save`, { note: byId("note").value });
    examination = null;
    location.assign(`${recordings}${recording.id}/`);
  } catch (error) {
    byId("kept").textContent = `It is not saved: ${error.message}`;
  }
}

async function discard() {
  try {
    await call("DELETE", `${begin}/${examination.id}`);
    examination = null;
    location.assign(recordings);
  } catch (error) {
    byId("kept").textContent = `It is not discarded: ${error.message}`;
  }
}
