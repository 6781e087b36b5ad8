"""The rules of the wire, each as a function of what was heard of a device."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ingest import device_ack_rules as ack_rules
from ingest.chunk import HOLE_AFTER_S, MAX_CLOCK_ERROR_S, AudioChunk
from ingest.device_findings import (
    NO_SOUND,
    Judgement,
    Rule,
    broken,
    each_boot,
    kept,
    not_shown,
    some,
)
from ingest.device_log import BootLog, HeardAck, HeardChunk, WatchLog

MAX_DRIFT_PPM = 200.0

_SECOND_US = 1_000_000
_DELAY_S = 5.0  # how late the network may be
_MIN_SPAN_S, _MIN_CHUNKS = 20.0, 10  # for a clock to be measured
_CLOCK_STEP_S = 0.5
_MAX_RATE_ERROR = 0.02
_MAX_BATTERY_STEP = 0.1
_WILL_AFTER_S = 90.0  # a usual keep-alive of 60 s, and half as long again as MQTT waits

_Times = npt.NDArray[np.float64]


# ---- What can be seen in a single message ----


def topics(log: WatchLog, _now_us: int) -> Judgement:
    if log.wrong_topics:
        return broken(some(log.wrong_topics))
    if len(log.groups) > 1:
        return broken(f"it speaks in several groups: {', '.join(sorted(log.groups))}")
    if not log.groups:
        return NO_SOUND
    return kept(f"pcg/v1/{next(iter(log.groups))}/{log.device_id}/{'|'.join(sorted(log.qos))}")


def payloads(log: WatchLog, _now_us: int) -> Judgement:
    if log.wrong_payloads:
        return broken(some(log.wrong_payloads))
    valid = log.chunks + len(log.statuses)
    return kept(f"{valid} valid messages") if valid else NO_SOUND


def lengths(log: WatchLog, _now_us: int) -> Judgement:
    if log.wrong_lengths:
        return broken(some(log.wrong_lengths))
    durations_s = [
        (c.end - c.first) / c.chunk.sample_rate_hz for b in log.heard_boots() for c in b.chunks
    ]
    if not durations_s:
        return NO_SOUND
    return kept(f"{min(durations_s):g} to {max(durations_s):g} s")


def quality_of_service(log: WatchLog, _now_us: int) -> Judgement:
    """We subscribe with QoS 2 and so get the publisher's own, but rumqttd raises it to ours."""
    for lane, seen in log.qos.items():
        if 0 in seen:
            return broken(f"{lane.value} comes with QoS 0: what the network loses is lost")
    seen = set().union(*log.qos.values()) if log.qos else set()
    if 1 in seen:
        return kept("QoS 1")
    return not_shown("this broker does not tell the sender's QoS" if seen else "no message heard")


def not_retained(log: WatchLog, _now_us: int) -> Judgement:
    if log.retained_audio:
        return broken(f"the broker retains {some(log.retained_audio)}")
    return kept(f"none of {log.chunks} chunks") if log.chunks else NO_SOUND


# ---- Positions and what is sent again ----


@each_boot
def positions(boot: BootLog, now_us: int) -> Judgement:
    heard = boot.by_seq
    for one, two in pairwise(heard):
        if two.first < one.end:
            return broken(
                f"first_sample {two.first} of seq {two.seq} overlaps seq {one.seq}, "
                f"which ends at {one.end}"
            )
        if two.first == one.end and two.seq > one.seq + 1:
            return broken(f"seq {two.seq} follows {one.seq}, though no sample is missing between")
    missing = _holes(boot)
    for hole, since_us in missing:
        if now_us - since_us > (HOLE_AFTER_S + 2 * ack_rules.PATIENCE_S) * _SECOND_US:
            return broken(hole)
    if missing:
        return not_shown(f"{missing[0][0]}, and not sent again yet: watch for longer")
    if len(heard) < 2:
        return not_shown("one chunk alone has no neighbour")
    return kept(f"seq {heard[0].seq} to {heard[-1].seq} without a hole")


def _holes(boot: BootLog) -> list[tuple[str, int]]:
    """What is missing, in words, and since when; what is stored or given up is not."""
    given_up = max(chunk.chunk.kept_from_sample for chunk in boot.chunks)
    settled = max(boot.stored_to, given_up)
    return [
        (
            f"chunk seq {two.seq} follows {one.seq}: "
            + (
                f"{two.seq - one.seq - 1} missing"
                if two.seq > one.seq + 1
                else f"samples {one.end} to {two.first} missing"
            ),
            two.at_us,
        )
        for one, two in pairwise(boot.by_seq)
        if two.first > max(one.end, settled)
    ]


@each_boot
def resent_chunks(boot: BootLog, _now_us: int) -> Judgement:
    first_heard: dict[int, AudioChunk] = {}
    again = 0
    for heard in boot.chunks:
        before = first_heard.setdefault(heard.seq, heard.chunk)
        again += before is not heard.chunk
        for name in AudioChunk.__struct_fields__:
            if name != "kept_from_sample" and getattr(before, name) != getattr(heard.chunk, name):
                return broken(f"seq {heard.seq} came again with other {name}")
    if not again:
        return not_shown("nothing was sent again")
    return kept(f"{again} chunks came again, the same byte for byte")


# ---- Clocks ----


@each_boot
def captured_at(boot: BootLog, _now_us: int) -> Judgement:
    """The device's clock runs as its sample count does, and shows what the bridge tells it."""
    heard = boot.by_seq
    captured_s = np.array([chunk.chunk.captured_at_us / _SECOND_US for chunk in heard])
    sampled_s = np.array([chunk.first / boot.rate_hz for chunk in heard])
    steps = np.flatnonzero(np.abs(np.diff(captured_s - sampled_s)) > _CLOCK_STEP_S) + 1
    if len(steps) > 1:
        return broken(f"the clock jumps against the samples {len(steps)} times")
    start = int(steps[0]) if len(steps) else 0
    error_s = max(chunk.clock_error_us for chunk in heard[start:]) / _SECOND_US
    said = f"clock {error_s:+.3f} s (network included)"
    told_before_us = heard[-1].at_us - _DELAY_S * _SECOND_US
    told = any(isinstance(e, HeardAck) and e.at_us < told_before_us for e in boot.events)
    if told and abs(error_s) > MAX_CLOCK_ERROR_S + _DELAY_S:
        return broken(f"{said}, though every ack tells the time")
    sampled_s, captured_s = sampled_s[start:], captured_s[start:]
    if len(sampled_s) < _MIN_CHUNKS or sampled_s[-1] - sampled_s[0] < _MIN_SPAN_S:
        return not_shown(f"{said}; drift takes {_MIN_SPAN_S:.0f} s to measure")
    drift_ppm, error_ppm = _drift_ppm(sampled_s, captured_s)
    said += f", drift {drift_ppm:+.0f} ± {error_ppm:.0f} ppm"
    if abs(drift_ppm) - 3 * error_ppm > MAX_DRIFT_PPM:
        return broken(f"{said}, over {MAX_DRIFT_PPM:.0f} ppm")
    return kept(said + (f", set at seq {heard[start].seq}" if start else ""))


def _drift_ppm(sampled_s: _Times, captured_s: _Times) -> tuple[float, float]:
    """Slope of one clock against the other, and its standard error."""
    offset_s = captured_s - sampled_s
    line, covariance = np.polyfit(sampled_s - sampled_s[0], offset_s - offset_s[0], 1, cov=True)
    return float(line[0]) * 1e6, float(np.sqrt(covariance[0, 0])) * 1e6


@each_boot
def sample_rate(boot: BootLog, _now_us: int) -> Judgement:
    """Positions must advance as fast as time does: least delayed chunks, early against late."""
    rates = sorted({chunk.chunk.sample_rate_hz for chunk in boot.chunks})
    if len(rates) > 1:
        return broken(f"sample_rate_hz changes within one power-up: {rates}")
    chunks = _longest_stretch(boot)
    first_us, last_us = chunks[0].at_us, chunks[-1].at_us
    third_us = (last_us - first_us) // 3
    one = min((c for c in chunks if c.at_us <= first_us + third_us), key=_lag_us)
    two = min((c for c in chunks if c.at_us >= last_us - third_us), key=_lag_us)
    if last_us - first_us < _MIN_SPAN_S * _SECOND_US or two.end <= one.end:
        return not_shown(f"{rates[0]} Hz; pace takes {_MIN_SPAN_S:.0f} s to measure")
    pace = (two.end - one.end) / rates[0] / ((two.at_us - one.at_us) / _SECOND_US)
    if abs(pace - 1) > _MAX_RATE_ERROR:
        return broken(f"positions advance {pace:.2f} times as fast as {rates[0]} Hz")
    return kept(f"{rates[0]} Hz, positions keep pace within {abs(pace - 1):.1%}")


def _longest_stretch(boot: BootLog) -> list[HeardChunk]:
    """The longest time without a pause in what is heard: an outage says nothing of the pace."""
    stretches = [[boot.chunks[0]]]
    for one, two in pairwise(boot.chunks):
        if two.at_us - one.at_us > ack_rules.PAUSE_S * _SECOND_US:
            stretches.append([])
        stretches[-1].append(two)
    return max(stretches, key=lambda stretch: stretch[-1].at_us - stretch[0].at_us)


def _lag_us(chunk: HeardChunk) -> int:
    return chunk.lag_us


# ---- Status ----


def status(log: WatchLog, now_us: int) -> Judgement:
    watched_s = (now_us - log.started_us) / _SECOND_US
    if not log.statuses:
        if log.chunks and watched_s > ack_rules.PATIENCE_S:
            return broken("sound comes, but nothing on .../status")
        return not_shown("no status heard")
    if not any(heard.retained for heard in log.statuses):
        # The watcher subscribes again every few seconds: the broker would have told it.
        if (now_us - log.statuses[0].at_us) / _SECOND_US > 2 * ack_rules.PATIENCE_S:
            return broken("the broker does not retain it: publish it with the retain flag")
        return not_shown("not seen as a retained message yet")
    last = log.statuses[-1].status
    boots = [boot.boot_id for boot in log.heard_boots()]
    if log.last_chunk_us > log.statuses[-1].at_us and last.boot_id != boots[-1]:
        return broken(f"boot_id {last.boot_id} is not the chunks' {boots[-1]}")
    return kept(f"retained; {last.state}, firmware {last.firmware}, contact {last.contact}")


def battery(log: WatchLog, _now_us: int) -> Judgement:
    levels = [
        heard.status.battery_fraction
        for heard in log.statuses
        if heard.status.battery_fraction is not None
    ]
    for before, after in pairwise(levels):
        if abs(after - before) > _MAX_BATTERY_STEP:
            return broken(f"battery_fraction jumps from {before:.2f} to {after:.2f}")
    return kept(f"{levels[-1]:.0%}") if levels else not_shown("no battery_fraction heard")


def last_will(log: WatchLog, now_us: int) -> Judgement:
    if any(heard.status.state == "offline" for heard in log.statuses):
        return kept("offline was told")
    silent_s = (now_us - log.last_chunk_us) / _SECOND_US
    if log.chunks and silent_s > _WILL_AFTER_S:
        return broken(f"no sound for {silent_s:.0f} s, and no status offline")
    return not_shown("cut the device's power to see it")


def power_up(log: WatchLog, _now_us: int) -> Judgement:
    boots = list(log.heard_boots())
    for boot in boots[1:]:
        first = boot.by_seq[0]
        if (first.seq, first.first) != (0, 0):
            return broken(
                f"boot_id {boot.boot_id} is new, but begins with seq {first.seq} "
                f"at first_sample {first.first}"
            )
    if len(boots) < 2:
        return not_shown("switch the device off and on to see it")
    return kept(f"{len(boots) - 1} times a new boot_id, counted from 0")


RULES: dict[str, Rule] = {
    "topic and id": topics,
    "payload and version": payloads,
    "chunk of 0.25 to 2 s": lengths,
    "QoS 1": quality_of_service,
    "audio is not retained": not_retained,
    "positions without a hole": positions,
    "sample rate": sample_rate,
    "captured_at_us": captured_at,
    "status is retained": status,
    "battery": battery,
    "last will": last_will,
    "power-up counts from 0": power_up,
    "kept_from_sample": ack_rules.kept_from,
    "sent again is the same": resent_chunks,
    "sends again after silence": ack_rules.silence,
    "fills holes as history": ack_rules.holes,
    "history overlaps a window": ack_rules.history_overlap,
    "old sound goes as history": ack_rules.old_sound,
}
