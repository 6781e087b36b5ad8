// The ward page: the feed on one side, tiles, banner and sound on the other.

import { Banner } from "./banner.js";
import { Feed } from "./feed.js";
import { Notifier } from "./notify.js";
import { Pause } from "./pause.js";
import { Shelf } from "./shelf.js";
import { Shouts } from "./shouts.js";
import { AlarmSound } from "./sound.js";
import { Strip } from "./strip.js";
import { Tile } from "./tile.js";

const MOST_DELAYS = 5000;
const SLOW_FRAME_MS = 60, QUICK_FRAME_MS = 25;
const byId = (id) => document.getElementById(id);

const list = byId("tiles"), filter = byId("filter");
const mayAct = document.body.dataset.mayAct === "yes";
const tiles = new Map();
const changed = new Map();
let pipeline = [];
let isDrawing = false, askedMs = 0, frameMs = 0;

const shelf = new Shelf(byId("shelf"), () => feed.nowUs());
const banner = new Banner(byId("banner"), byId("alarm"), shelf, mayAct);
const shouts = new Shouts();
const sound = new AlarmSound(byId("sound"));
const notifier = new Notifier(byId("sound"));
const beds = () => [...tiles.values()].map((tile) => tile.bed);
const pause = new Pause(byId("pause"), byId("pause-line"), () => feed, beds);

// Milliseconds from a result's publication until it was painted; the benchmark reads them.
const delaysMs = (window.heartwardDelaysMs = []);

function begin(snapshot) {
  const known = new Set(snapshot.beds.map((bed) => bed.device_id));
  for (const [device, tile] of tiles) if (!known.has(device)) remove(device, tile);
  pipeline = snapshot.pipeline;
  shouts.showLost(snapshot.lost);
  for (const bed of snapshot.beds) changed.set(bed.device_id, bed);
  draw();
  for (const strip of snapshot.strips) tiles.get(strip.device_id)?.strip.add(strip);
}

function remove(device, tile) {
  tile.node.remove();
  tiles.delete(device);
}

function take(bed) {
  changed.set(bed.device_id, bed);
  if (isDrawing) return;
  isDrawing = true;
  askedMs = performance.now();
  // A hidden page gets no frames, and must ring all the same.
  if (document.hidden) draw(); else requestAnimationFrame(draw);
}

function draw() {
  isDrawing = false;
  pace(performance.now() - askedMs);
  for (const [device, bed] of changed) {
    const tile = tiles.get(device);
    if (tile) {
      if (bed.published_us !== tile.bed.published_us) note(bed.published_us);
      tile.show(bed);
    } else {
      tiles.set(device, new Tile(byId("tile"), bed));
    }
  }
  changed.clear();
  arrange();
  showAlarms();
  tick();
}

// How long a frame lets us wait, on the mean, decides whether strips glide.
function pace(waitedMs) {
  frameMs += (Math.min(waitedMs, 500) - frameMs) / 20;
  if (frameMs > SLOW_FRAME_MS) Strip.slides = false;
  else if (frameMs < QUICK_FRAME_MS) Strip.slides = true;
}

function note(publishedUs) {
  delaysMs.push(Date.now() - publishedUs / 1000);
  if (delaysMs.length > MOST_DELAYS) delaysMs.shift();
}

// Worst first, moving only what is out of place; whoever is on a tile with the keyboard stays there.
function arrange() {
  const sorted = [...tiles.values()].sort((a, b) => a.bed.urgency - b.bed.urgency || compare(a.bed, b.bed));
  const focused = document.activeElement;
  sorted.forEach((tile, place) => {
    tile.node.hidden = Boolean(filter.value) && tile.bed.ward !== filter.value;
    if (list.children[place] !== tile.node) list.insertBefore(tile.node, list.children[place] ?? null);
  });
  if (focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
}

function compare(a, b) {
  return (a.bed ?? "~").localeCompare(b.bed ?? "~", undefined, { numeric: true }) || a.device_id.localeCompare(b.device_id);
}

function showAlarms() {
  const alarms = [...beds().flatMap((bed) => bed.alarms), ...pipeline];
  banner.show(alarms);
  notifier.show(alarms);
  ring();
  const all = beds();
  byId("count-beds").textContent = String(all.filter((bed) => bed.bed).length);
  byId("count-alarms").textContent = String(all.filter((bed) => bed.alarms.length).length);
  byId("count-off").textContent = String(all.filter((bed) => ["offline", "silent"].includes(bed.standing)).length);
  byId("nothing").hidden = all.length > 0;
  showWards(all);
}

function ring() {
  const alarms = [...beds().flatMap((bed) => bed.alarms), ...pipeline];
  sound.set([...alarms.filter((alarm) => alarm.sounds).map((alarm) => alarm.priority), ...shouts.priorities()]);
}

function showWards(all) {
  const wards = [...new Set(all.map((bed) => bed.ward).filter(Boolean))].sort();
  filter.hidden = wards.length < 2;
  if (filter.options.length === wards.length + 1) return;
  const chosen = filter.value;
  filter.replaceChildren(new Option("All wards", ""), ...wards.map((ward) => new Option(ward, ward)));
  filter.value = wards.includes(chosen) ? chosen : "";
}

function tick() {
  const nowUs = feed.nowUs();
  for (const tile of tiles.values()) tile.tick(nowUs);
  if (mayAct) pause.tick();
}

const feed = new Feed(
  document.body.dataset.feed,
  {
    snapshot: begin,
    bed: take,
    strip: (strip) => tiles.get(strip.device_id)?.strip.add(strip),
    pipeline: (picture) => { pipeline = picture.pipeline; showAlarms(); },
    gone: (bed) => { const tile = tiles.get(bed.device_id); if (tile) remove(bed.device_id, tile); },
    pulse: (pulse) => shouts.showLost(pulse.lost),
  },
  (...link) => { shouts.showLink(...link); ring(); },
);
filter.addEventListener("change", arrange);
setInterval(tick, 1000);
