// One bed: its live sound on top, its past below.

import { act, call } from "./api.js";
import { Aside } from "./aside.js";
import { Banner } from "./banner.js";
import { Feed } from "./feed.js";
import { judgeWith, showMoment } from "./judge.js";
import { Player } from "./listen.js";
import { Notifier } from "./notify.js";
import { PastAlarms, time } from "./past.js";
import { Pause } from "./pause.js";
import { Pcg } from "./pcg.js";
import { Shelf } from "./shelf.js";
import { Shouts } from "./shouts.js";
import { AlarmSound } from "./sound.js";
import { Trends } from "./trends.js";
import { age, finding, findingNote, isFresh } from "./words.js";

const byId = (id) => document.getElementById(id);
const deviceId = document.body.dataset.device, patientId = document.body.dataset.patient;
const mayAct = document.body.dataset.mayAct === "yes";
let bed = null, pipeline = [];

const pcg = new Pcg(byId("pcg"), byId("spectrogram"));
const shelf = new Shelf(byId("shelf"), () => feed.nowUs());
const banner = new Banner(byId("banner"), byId("alarm"), shelf, mayAct);
const aside = new Aside(byId("aside"), byId("quiet"), mayAct);
const shouts = new Shouts();
const sound = new AlarmSound(byId("sound"));
const notifier = new Notifier(byId("sound"));
const player = new Player(byId("player"));
const pause = new Pause(byId("pause"), byId("pause-line"), () => feed, () => (bed ? [bed] : []));

function show(picture) {
  // All below is of who wore it when the page was opened.
  if ((picture.patient_id ?? "") !== patientId) { location.reload(); return; }
  bed = picture;
  byId("vitals").dataset.standing = bed.standing;
  byId("rate").textContent = isFresh(bed) && bed.rate_bpm !== null ? Math.round(bed.rate_bpm) : "–";
  byId("finding").textContent = finding(bed);
  byId("finding-note").textContent = findingNote(bed);
  byId("quality").textContent = bed.quality === null || !isFresh(bed) ? "–" : `${Math.round(bed.quality * 100)} %`;
  byId("reasons").textContent = isFresh(bed) ? bed.reasons.join(", ") || bed.verdict || "" : "no signal";
  byId("battery").textContent = bed.battery_fraction === null ? "–" : `${Math.round(bed.battery_fraction * 100)} %`;
  byId("radio").textContent = [bed.contact === false && "no contact", bed.signal_dbm !== null && `${bed.signal_dbm} dBm`].filter(Boolean).join(" · ");
  byId("latency").textContent = bed.latency_ms === null ? "–" : `${Math.round(bed.latency_ms)} ms`;
  byId("bed-name").textContent = bed.bed ? `Bed ${bed.bed}` : "Unassigned";
  byId("patient").textContent = [bed.patient_id, bed.ward].filter(Boolean).join(" · ");
  showAlarms();
  tick();
}

function showAlarms() {
  const alarms = [...(bed?.alarms ?? []), ...pipeline];
  banner.show(alarms);
  aside.show(bed);
  notifier.show(alarms);
  ring();
}

function ring() {
  const alarms = [...(bed?.alarms ?? []), ...pipeline];
  sound.set([...alarms.filter((alarm) => alarm.sounds).map((alarm) => alarm.priority), ...shouts.priorities()]);
}

function tick() {
  if (!bed) return;
  byId("age").textContent = `${age(bed, feed.nowUs())} ago`;
  if (mayAct) pause.tick();
  const standby = byId("standby");
  if (standby) standby.textContent = bed.standby_until_us ? "End standby" : "Standby 30 min";
}

const feed = new Feed(document.body.dataset.feed, {
  snapshot: (snapshot) => {
    pipeline = snapshot.pipeline;
    shouts.showLost(snapshot.lost);
    snapshot.strips.forEach((strip) => pcg.add(strip));
    snapshot.beds.forEach(show);
  },
  bed: show,
  strip: (strip) => pcg.add(strip),
  pipeline: (picture) => { pipeline = picture.pipeline; showAlarms(); },
  gone: () => location.assign("/"),
  pulse: (pulse) => shouts.showLost(pulse.lost),
}, (...link) => { shouts.showLink(...link); ring(); });
setInterval(tick, 1000);

byId("standby")?.addEventListener("click", async () => {
  const button = byId("standby"), failed = byId("standby-failed");
  button.disabled = true;
  try {
    await act(bed?.standby_until_us ? "resume" : "standby", deviceId);
    failed.textContent = "";
  } catch (error) {
    failed.textContent = `Not done: ${error.message}`;
  }
  button.disabled = false;
});
document.querySelectorAll(".listen").forEach((button) => button.addEventListener("click", () => {
  const kind = button.dataset.kind;
  player.play(() => `/api/v1/beds/${encodeURIComponent(deviceId)}/sound?kind=${kind}`, `The last 30 s, ${kind}`);
}));

const moment = byId("moment");
if (moment) judgeWith(moment, () => ({ device_id: deviceId, at_us: Math.round(feed.nowUs()) }), showMoment);

async function loadNotes() {
  if (!patientId) return; // notes are of a patient, whatever they wear
  const page = await call("GET", `/api/v1/notes?patient_id=${encodeURIComponent(patientId)}`);
  if (!page.results.length) return;
  byId("notes").replaceChildren(...page.results.map((note) => {
    const line = document.createElement("div");
    line.className = "written";
    line.textContent = `${note.text}\n— ${note.author}, ${time(note.at_us)}`;
    return line;
  }));
}

byId("note")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = byId("note-text");
  try {
    await call("POST", "/api/v1/notes", { device_id: deviceId, text: field.value });
    field.value = "";
    await loadNotes();
  } catch (error) {
    field.setCustomValidity(error.message);
    field.reportValidity();
    field.setCustomValidity("");
  }
});

const renewNotes = () => loadNotes().catch(() => {}); // the page itself says when it is not up to date
renewNotes();
setInterval(renewNotes, 15000);
new PastAlarms(byId("alarms"), byId("past-alarm"), deviceId, patientId, player);
addEventListener("load", () => new Trends(deviceId));
