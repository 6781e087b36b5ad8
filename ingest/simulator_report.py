"""What a simulated ward sent and saw acknowledged: what must be in the results, and what may not.

The simulator writes it as JSON every few seconds and at its end.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from ingest.chunk import Encoding
from models.contract import Grid
from models.errors import UserError


class BootReport(msgspec.Struct, frozen=True, kw_only=True):
    """One device from power-up to power-down, in samples since power-up.

    Attributes
    ----------
    started_us, ended_us
        True times of power-up and of power-down; None while it is on. What it had not sent or
        not seen acknowledged by its end went with its memory.
    produced_to_sample
        End of the last chunk that was recorded.
    acknowledged_to_sample
        Position of the latest ack that the device saw.
    kept_from_sample
        Oldest sample that was not acknowledged and could still be sent again at the end.
    lost
        Stretches (first, end) that fell out of the device's full buffer: holes for good, unless
        they had arrived without the device's knowledge.
    chunks_sent, chunks_resent, chunks_history
        Sent for the first time, again on the live lane, and on the history lane.
    """

    boot_id: int
    started_us: int
    sample_rate_hz: int
    produced_to_sample: int
    acknowledged_to_sample: int
    kept_from_sample: int
    lost: tuple[tuple[int, int], ...]
    chunks_recorded: int
    chunks_sent: int
    chunks_resent: int
    chunks_history: int
    ended_us: int | None = None


class DeviceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One device; `recordings` are the names of what it played."""

    device_id: str
    group: str
    sample_rate_hz: int
    chunk_samples: int
    encoding: Encoding
    recordings: tuple[str, ...]
    boots: tuple[BootReport, ...]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the ward; `lost_on_the_way` and `doubled_on_the_way` are the network's faults."""

    devices: int
    chunks_recorded: int
    chunks_sent: int
    chunks_resent: int
    chunks_history: int
    lost_on_the_way: int
    doubled_on_the_way: int
    audio_recorded_s: float
    audio_acknowledged_s: float
    audio_lost_s: float


class SimulatorReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole ward; `is_final` tells the last report of a run from those on the way."""

    v: int = 1
    seed: int
    started_us: int
    at_us: int
    is_final: bool
    totals: Totals
    devices: tuple[DeviceReport, ...]


def acknowledged_windows(boot: BootReport, grid: Grid) -> Iterator[int]:
    """Indices of the windows that results must hold.

    All their samples are acknowledged and none was lost from the device's buffer.
    """
    own = grid.at(boot.sample_rate_hz)
    index = 0
    while (first := index * own.hop_samples) + own.window_samples <= boot.acknowledged_to_sample:
        end = first + own.window_samples
        if not any(lost_first < end and first < lost_end for lost_first, lost_end in boot.lost):
            yield index
        index += 1


def totals(
    devices: tuple[DeviceReport, ...], *, lost_on_the_way: int, doubled_on_the_way: int
) -> Totals:
    boots = [boot for device in devices for boot in device.boots]
    return Totals(
        devices=len(devices),
        chunks_recorded=sum(boot.chunks_recorded for boot in boots),
        chunks_sent=sum(boot.chunks_sent for boot in boots),
        chunks_resent=sum(boot.chunks_resent for boot in boots),
        chunks_history=sum(boot.chunks_history for boot in boots),
        lost_on_the_way=lost_on_the_way,
        doubled_on_the_way=doubled_on_the_way,
        audio_recorded_s=sum(boot.produced_to_sample / boot.sample_rate_hz for boot in boots),
        audio_acknowledged_s=sum(
            boot.acknowledged_to_sample / boot.sample_rate_hz for boot in boots
        ),
        audio_lost_s=sum(
            (end - first) / boot.sample_rate_hz for boot in boots for first, end in boot.lost
        ),
    )


def write(report: SimulatorReport, path: Path) -> None:
    """Write the report whole or not at all.

    Raises
    ------
    UserError
        If it cannot be written; what was there before stays.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"simulator report {path} is not a plain file: name another file")
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(msgspec.json.encode(report))
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise UserError(
            f"simulator report {path} cannot be written ({error.strerror}): name another file"
        ) from None


def read(path: Path) -> SimulatorReport:
    """Read a report that `write` has written.

    Raises
    ------
    UserError
        If the file is not there or is not such a report.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=SimulatorReport)
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"simulator report {path} cannot be read: {error}") from None
