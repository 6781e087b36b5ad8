"""What an undisturbed run gives, computed from the devices' own sound without any broker.

A simulated ward is seeded, so it can record once more: in no time, and into this process. Its
sound then goes through the pure stages alone. What the disturbed pipeline published has to agree.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingest.chunk import AudioChunk, DeviceAck, DeviceTopic, Lane, decode_chunk, pcm
from ingest.simulated_ward import build
from ingest.simulator_report import SimulatorReport, acknowledged_windows
from ingest.simulator_settings import SimulatorSettings
from ingest.wearable_model import Wearable
from models.contract import PIPELINE_GRID
from models.registry import Registry
from stream_processors.arrivals import Arrival, LaneKey
from stream_processors.clock import start_us
from stream_processors.inference import judge
from stream_processors.records import Finding, Quality, Strip
from stream_processors.results import strips_of
from stream_processors.running_models import RunningModel, RunningModels
from stream_processors.windows import Window, WindowCutter

Identity = tuple[str, int, int]

_BATCH = 32


class Expected(NamedTuple):
    """What of a window's result is a function of its sound."""

    start_us: int
    quality: Quality
    findings: tuple[Finding, ...]
    strip: Strip


def undisturbed(
    settings: SimulatorSettings, report: SimulatorReport, models: Path
) -> dict[Identity, Expected]:
    """Every window whose sound the device saw acknowledged; for wards without faults."""
    expected: dict[Identity, Expected] = {}
    running = RunningModels(Registry(models)).current
    again = build(settings, start_us=report.started_us)
    for (wearable, _), reported in zip(again, report.devices, strict=True):
        (boot,) = reported.boots
        key = LaneKey(reported.device_id, boot.boot_id, boot.sample_rate_hz)
        found = results(key, recorded(wearable, boot.produced_to_sample), running)
        for index in acknowledged_windows(boot, PIPELINE_GRID):
            expected[key.device_id, key.boot_id, index] = found[index]
    return expected


def recorded(wearable: Wearable, to_sample: int) -> Iterator[AudioChunk]:
    """What a device records up to a position, on a network where nothing ever happens."""
    next_sample = 0
    wearable.on_connected(ceil(wearable.next_step_us))
    while next_sample < to_sample:
        now_us = ceil(wearable.next_step_us)
        for message in wearable.step(now_us):
            if DeviceTopic.parse(message.topic).lane is not Lane.AUDIO:
                continue
            chunk = decode_chunk(message.payload)
            assert chunk.first_sample == next_sample
            next_sample += len(pcm(chunk))
            wearable.on_ack(_ack(chunk, next_sample, now_us), now_us)
            yield chunk


def results(
    key: LaneKey, chunks: Iterable[AudioChunk], models: Sequence[RunningModel]
) -> dict[int, Expected]:
    """Cut, judge and classify a boot's sound from power-up on; by index of the window."""
    cutter = WindowCutter(key, PIPELINE_GRID.at(key.sample_rate_hz))
    windows: list[Window] = []
    for chunk in chunks:
        assert chunk.boot_id == key.boot_id
        windows += cutter.step(_arrival(chunk))
        cutter.release(up_to_offset=chunk.seq)
    found: dict[int, Expected] = {}
    for first in range(0, len(windows), _BATCH):
        batch = windows[first : first + _BATCH]
        judged = zip(batch, judge(batch, models), strips_of(batch), strict=True)
        for window, judgement, strip in judged:
            found[window.index] = Expected(
                start_us(window.start_sample, key.sample_rate_hz, window.arrivals),
                Quality(**msgspec.structs.asdict(judgement.quality)),
                judgement.findings,
                strip,
            )
    return found


def _arrival(chunk: AudioChunk) -> Arrival:
    samples = pcm(chunk)
    end_sample = chunk.first_sample + len(samples)
    received_at_us = chunk.captured_at_us + len(samples) * 1_000_000 // chunk.sample_rate_hz
    return Arrival(
        chunk.seq, received_at_us, chunk.captured_at_us, chunk.first_sample, end_sample, samples
    )


def _ack(chunk: AudioChunk, stored_to_sample: int, now_us: int) -> DeviceAck:
    return DeviceAck(
        boot_id=chunk.boot_id, stored_to_sample=stored_to_sample, bridge_time_us=now_us
    )
