"""The rules about acks: what a device keeps, and what it sends again, when and on which lane."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from ingest.chunk import (
    DEVICE_BUFFER_S,
    HISTORY_AFTER_S,
    HISTORY_OVERLAP_S,
    HOLE_AFTER_S,
    RESEND_AFTER_SILENCE_S,
    Lane,
)
from ingest.device_findings import Judgement, broken, each_boot, kept, not_shown, some
from ingest.device_log import BootLog, HeardAck, HeardChunk, Interruption

PATIENCE_S = 10.0  # how late a device may do what is due
PAUSE_S = 4.0  # no chunk for so long: the device is cut off, and begins anew when it is back

_SECOND_US = 1_000_000
_DELAY_S = 5.0  # how late the network may be
_NEIGHBOURS = 8  # chunks: so far may the order on the way be disturbed


@each_boot
def kept_from(boot: BootLog, _now_us: int) -> Judgement:
    """A device must be able to send again what no ack covers, for as long as its buffer lasts."""
    buffered = int(DEVICE_BUFFER_S * boot.rate_hz * 0.98)
    stored: int | None = None
    allowed = newest = 0
    for event in boot.events:
        if isinstance(event, HeardAck):
            stored = max(stored or 0, event.stored_to)
        elif isinstance(event, HeardChunk):
            kept_from_sample = event.chunk.kept_from_sample
            newest = max(newest, event.end)
            if stored is None:  # what it says may rest on an ack from before the watch
                allowed = max(allowed, kept_from_sample)
            elif kept_from_sample > max(allowed, stored) and kept_from_sample > newest - buffered:
                return broken(
                    f"seq {event.seq} gives up everything before {kept_from_sample}, "
                    f"but the last ack was {stored}"
                )
    if stored is None:
        return not_shown("no ack heard: does a bridge run?")
    return kept(f"never past an ack; the last was {stored}")


@each_boot
def silence(boot: BootLog, _now_us: int) -> Judgement:
    seen: set[int] = set()
    stored: int | None = None
    answered = False
    since_us = heard_us = 0
    again_from: int | None = None
    judgement = not_shown("hold back the bridge's acks for 30 s to see it")
    for event in boot.events:
        if isinstance(event, HeardAck):
            stored, since_us = max(stored or 0, event.stored_to), event.at_us
            answered, again_from = False, None
        if not isinstance(event, HeardChunk):
            continue
        if event.at_us - heard_us > PAUSE_S * _SECOND_US:
            since_us = event.at_us
        heard_us = event.at_us
        quiet_s = (event.at_us - since_us) / _SECOND_US
        if event.seq in seen and quiet_s >= RESEND_AFTER_SILENCE_S:
            again_from = event.first if again_from is None else min(event.first, again_from)
        seen.add(event.seq)
        if stored is None or answered:
            continue
        if again_from is not None and again_from <= max(stored, event.chunk.kept_from_sample):
            answered = True
            judgement = kept(f"sent again from {again_from} after {quiet_s:.1f} s without an ack")
        elif quiet_s > RESEND_AFTER_SILENCE_S + PATIENCE_S:
            what = "nothing was" if again_from is None else f"only what follows {again_from} was"
            return broken(f"no ack for {quiet_s:.0f} s after {stored}, and {what} sent again")
    return judgement


@each_boot
def holes(boot: BootLog, _now_us: int) -> Judgement:
    stored: int | None = None
    since_us = ack_us = heard_us = newest = 0
    answered = False
    judgement = not_shown("keep one chunk from the bridge to see it")
    for event in boot.events:
        if isinstance(event, Interruption):
            stored = None
            continue
        if isinstance(event, HeardAck):
            silent = event.at_us - ack_us > RESEND_AFTER_SILENCE_S * _SECOND_US
            cut_off = event.at_us - heard_us > PAUSE_S * _SECOND_US
            if event.stored_to != stored or silent or cut_off:
                stored, since_us, answered = event.stored_to, event.at_us, False
            ack_us = event.at_us
            stuck_s = (event.at_us - since_us) / _SECOND_US
            behind_s = (newest - stored) / boot.rate_hz
            if not answered and min(stuck_s, behind_s) > HOLE_AFTER_S + PATIENCE_S:
                return broken(
                    f"acks stand at {stored} for {stuck_s:.0f} s, "
                    "and nothing comes on the history lane"
                )
            continue
        heard_us = event.at_us
        if event.lane is Lane.AUDIO:
            newest = max(newest, event.end)
        elif stored is not None and event.first <= stored < event.end:
            answered = True
            if HOLE_AFTER_S <= (newest - stored) / boot.rate_hz < HISTORY_AFTER_S:
                judgement = kept(f"acks stood at {stored}: sent again on the history lane")
    return judgement


class _Run(NamedTuple):
    """Neighbours on the history lane, as they were heard; `stored` is the ack before them."""

    stored: int | None
    newest: int
    chunks: list[HeardChunk]

    @property
    def first(self) -> HeardChunk:
        return min(self.chunks, key=lambda chunk: chunk.seq)

    @property
    def last(self) -> HeardChunk:
        return max(self.chunks, key=lambda chunk: chunk.seq)

    def adjoins(self, chunk: HeardChunk) -> bool:
        return self.first.seq - _NEIGHBOURS <= chunk.seq <= self.last.seq + _NEIGHBOURS


def _history_runs(boot: BootLog) -> list[_Run]:
    runs: list[_Run] = []
    stored: int | None = None
    newest = interrupted_us = 0
    for event in boot.events:
        if isinstance(event, Interruption):
            interrupted_us = event.at_us
        elif isinstance(event, HeardAck):
            stored = max(stored or 0, event.stored_to)
        elif event.lane is Lane.AUDIO:
            newest = max(newest, event.end)
        elif runs and runs[-1].adjoins(event):
            runs[-1].chunks.append(event)
        else:
            # The beginning of one that was under way when the watcher came back is unknown.
            unknown = event.at_us - interrupted_us < PATIENCE_S * _SECOND_US
            runs.append(_Run(None if unknown else stored, newest, [event]))
    return runs


@each_boot
def history_overlap(boot: BootLog, now_us: int) -> Judgement:
    """Around what was missing so much on both sides that no window stays half known."""
    runs = _history_runs(boot)
    if not runs:
        return not_shown("nothing came on the history lane")
    wrong = [*_late_beginnings(boot, runs), *_early_ends(boot, runs, now_us)]
    if wrong:
        return broken(some(wrong))
    return kept(f"from {runs[-1].first.first} to {runs[-1].last.end}")


def _late_beginnings(boot: BootLog, runs: list[_Run]) -> Iterator[str]:
    overlap = int(HISTORY_OVERLAP_S * boot.rate_hz)
    buffered = int(DEVICE_BUFFER_S * boot.rate_hz * 0.98)
    for run in runs:
        first = run.first
        all_there_is = first.seq == 0 or first.first < run.newest - buffered
        if run.stored is not None and first.first > run.stored - overlap and not all_there_is:
            yield (
                f"history begins at {first.first}, less than {HISTORY_OVERLAP_S:g} s "
                f"before the ack at {run.stored}"
            )


def _early_ends(boot: BootLog, runs: list[_Run], now_us: int) -> Iterator[str]:
    overlap = int(HISTORY_OVERLAP_S * boot.rate_hz)
    live = sorted({(c.seq, c.first) for c in boot.chunks if c.lane is Lane.AUDIO})
    for hole_end in (two[1] for one, two in pairwise(live) if two[0] > one[0] + 1):
        ends = [run.last for run in runs if run.first.first < hole_end <= run.last.end]
        reached = max((chunk.end for chunk in ends), default=hole_end + overlap)
        waited_us = now_us - max((chunk.at_us for chunk in ends), default=now_us)
        if reached < hole_end + overlap and waited_us > PATIENCE_S * _SECOND_US:
            yield (
                f"history ends at {reached}, less than {HISTORY_OVERLAP_S:g} s "
                f"after the hole, which ends at {hole_end}"
            )


@each_boot
def old_sound(boot: BootLog, _now_us: int) -> Judgement:
    chunks = boot.chunks
    least_us = min(chunk.lag_us for chunk in chunks)
    oldest_s = 0.0
    for chunk in chunks:
        age_s = (chunk.lag_us - least_us) / _SECOND_US
        if chunk.lane is Lane.AUDIO and age_s > HISTORY_AFTER_S + _DELAY_S:
            return broken(f"seq {chunk.seq} was {age_s:.0f} s old and came on the live lane")
        oldest_s = max(oldest_s, age_s)
    if oldest_s < HISTORY_AFTER_S:
        return not_shown(f"cut the connection for {HISTORY_AFTER_S + PATIENCE_S:.0f} s to see it")
    return kept(f"sound {oldest_s:.0f} s old came on the history lane")
