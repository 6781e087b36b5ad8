"""The state behind the live table: fed with records, asked for a picture of this moment.

It knows no Kafka and no terminal; every time is passed in, in UTC microseconds.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from dashboards.terminal.clocks import Clocks
from dashboards.terminal.latency import Latencies, Percentiles, percentiles_of
from dashboards.terminal.ledger import WindowLedger
from dashboards.terminal.open_alarms import OpenAlarms
from models.rhythm import Heart
from stream_processors.records import (
    AlarmEvent,
    Assignment,
    DeadLetter,
    DeviceStats,
    Finding,
    Heartbeat,
    Quality,
    Record,
    WindowResult,
    identity,
)

SILENT_AFTER_S = 10.0  # four hops without a result: what was found is no longer true
RATE_SPAN_S = 10.0
LATENCY_SPAN_S = 60.0
GAP_WINDOWS = 24  # one minute of windows

PIPELINE = "_pipeline"  # the key of alarms about the pipeline itself
BRIDGE_CHUNKS = "chunks_received"
_PAST_STARTING = ("running", "stopping", "ended")


class Standing(IntEnum):
    """How a bed stands, the most urgent first."""

    ABNORMAL = 0
    SILENT = 1
    POOR_SIGNAL = 2
    WAITING = 3
    NORMAL = 4


class BedPicture(NamedTuple):
    bed: str
    device_id: str
    standing: Standing
    finding: Finding | None
    quality: Quality | None
    heart: Heart | None
    age_s: float | None
    gap_fraction: float
    alarm: AlarmEvent | None = None


class ProcessPicture(NamedTuple):
    """One process as its supervisor sees it; `cpu_fraction` is of one core."""

    name: str
    state: str
    restarts: int
    cpu_fraction: float | None
    note: str = ""


class WardPicture(NamedTuple):
    beds: tuple[BedPicture, ...]
    chunks: int
    chunks_per_s: float
    windows: int
    windows_per_s: float
    windows_missing: int
    dead_letters: int
    last_dead_letter: DeadLetter | None
    latency_ms: Mapping[str, Percentiles]
    clock_error_ms: Percentiles | None
    pipeline_alarm: AlarmEvent | None = None


class _Bed:
    def __init__(self) -> None:
        self.latest: WindowResult | None = None
        self.published_us = 0
        self.gaps: deque[float] = deque(maxlen=GAP_WINDOWS)


class _Rate:
    """Events per second over the last `RATE_SPAN_S`."""

    def __init__(self) -> None:
        self._counts: deque[tuple[int, int]] = deque()
        self.total = 0

    def add(self, count: int, now_us: int) -> None:
        self.total += count
        self._counts.append((now_us, count))

    def per_s(self, now_us: int) -> float:
        while self._counts and self._counts[0][0] < now_us - RATE_SPAN_S * 1e6:
            self._counts.popleft()
        return sum(count for _, count in self._counts) / RATE_SPAN_S


class WardView:
    """Feed it everything that is on the topics; replays and repetitions do no harm.

    What was counted before `since_us`, in an earlier run or by a bridge that runs longer, is none
    of its own.
    """

    def __init__(self, since_us: int = 0) -> None:
        self._since_us = since_us
        self.windows = WindowLedger()
        self._devices: dict[str, _Bed] = {}
        self._bed_of: dict[str, str] = {}
        self._latencies = Latencies(LATENCY_SPAN_S)
        self._clocks = Clocks()
        self._alarms = OpenAlarms()
        self._windows = _Rate()
        self._chunks = _Rate()
        self._chunks_of: dict[tuple[str, int], float] = {}
        self._dead_letters = 0
        self._last_dead_letter: DeadLetter | None = None

    @property
    def chunks(self) -> int:
        """Chunks that the bridges have received since the view began."""
        return self._chunks.total

    def assigned(self, assignments: Iterable[Assignment]) -> None:
        """Show these beds from the start, heard or not."""
        for assignment in assignments:
            self._bed_of[assignment.device_id] = assignment.bed
            self._devices.setdefault(assignment.device_id, _Bed())

    def take(self, record: Record, published_us: int) -> None:
        """Take whatever a topic holds; `published_us` is the Kafka timestamp of the record."""
        match record:
            case WindowResult():
                self.result(record, published_us)
            case Heartbeat():
                self.heartbeat(record)
            case DeviceStats():
                self._clocks.take(record)
            case DeadLetter():
                self.dead_letter(record)
            case AlarmEvent():
                self._alarms.take(record)
            case _:
                pass

    def result(self, result: WindowResult, published_us: int) -> None:
        if not self.windows.add(identity(result)):
            return
        self._windows.add(1, published_us)
        device = self._devices.setdefault(result.device_id, _Bed())
        device.gaps.append(result.gap_fraction)
        if result.bed is not None:
            self._bed_of[result.device_id] = result.bed
        if result.late:
            return  # true of the past: it neither replaces the present nor counts as latency
        offset_us = self._clocks.offset_us(result.device_id, result.boot_id)
        self._latencies.add(result.stages, published_us, offset_us)
        if device.latest is None or result.start_us >= device.latest.start_us:
            device.latest, device.published_us = result, published_us

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        """Count chunks from the bridges' counters, which begin anew with each process."""
        chunks = heartbeat.counters.get(BRIDGE_CHUNKS)
        if heartbeat.kind != "bridge" or chunks is None:
            return
        process = heartbeat.instance, heartbeat.started_us
        from_before = chunks if heartbeat.started_us < self._since_us else 0
        new = int(chunks - self._chunks_of.get(process, from_before))
        self._chunks.add(new, heartbeat.at_us)
        self._chunks_of[process] = chunks

    def dead_letter(self, letter: DeadLetter) -> None:
        self._dead_letters += 1
        self._last_dead_letter = letter

    def picture(self, now_us: int) -> WardPicture:
        beds = (self._bed(device_id, now_us) for device_id in self._devices)
        return WardPicture(
            beds=tuple(sorted(beds, key=lambda bed: _natural(bed.bed, bed.device_id))),
            chunks=self._chunks.total,
            chunks_per_s=self._chunks.per_s(now_us),
            windows=self._windows.total,
            windows_per_s=self._windows.per_s(now_us),
            windows_missing=self.windows.missing(),
            dead_letters=self._dead_letters,
            last_dead_letter=self._last_dead_letter,
            latency_ms=self._latencies.percentiles(now_us),
            clock_error_ms=percentiles_of(self._clocks.errors_ms().values()),
            pipeline_alarm=self._alarms.worst(PIPELINE),
        )

    def _bed(self, device_id: str, now_us: int) -> BedPicture:
        device = self._devices[device_id]
        latest = device.latest
        age_s = None if latest is None else max(0.0, (now_us - device.published_us) / 1e6)
        finding = None if latest is None else _main_finding(latest.findings)
        return BedPicture(
            bed=self._bed_of.get(device_id, "-"),
            device_id=device_id,
            standing=_standing(latest, finding, age_s),
            finding=finding,
            quality=None if latest is None else latest.quality,
            heart=None if latest is None else latest.heart,
            age_s=age_s,
            gap_fraction=sum(device.gaps) / len(device.gaps) if device.gaps else 0.0,
            alarm=self._alarms.worst(device_id),
        )


def waiting_for(picture: WardPicture, processes: Sequence[ProcessPicture]) -> str | None:
    """What an empty table waits for, in words; None once there is a result."""
    if picture.windows:
        return None
    starting = [process.name for process in processes if process.state not in _PAST_STARTING]
    if starting:
        return f"waiting for {', '.join(starting)} to start"
    if not picture.chunks_per_s:
        return "waiting for the first sound from the devices"
    return "sound is coming in; the first window needs 5 s of it"


def _main_finding(findings: Sequence[Finding]) -> Finding | None:
    return next((finding for finding in findings if not finding.shadow), None)


def _standing(
    result: WindowResult | None, finding: Finding | None, age_s: float | None
) -> Standing:
    if result is None or age_s is None:
        return Standing.WAITING
    if age_s > SILENT_AFTER_S:
        return Standing.SILENT
    if finding is None or finding.abstained:
        return Standing.POOR_SIGNAL
    return Standing.NORMAL if finding.label == "normal" else Standing.ABNORMAL


def _natural(*names: str) -> tuple[tuple[tuple[int, str], ...], ...]:
    """Bed 2 before bed 10, and beds without a name last."""
    return tuple(
        tuple(
            (int(part), "") if part.isdecimal() else (10**9, part)
            for part in re.findall(r"\d+|\D+", name)
        )
        for name in names
    )
