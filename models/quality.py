"""How far a window's sound can be trusted: a score, a verdict and the reasons in plain words.

Each block is measured once; a window is judged from its blocks. The score is that of the worst
fault: 1 up to a fault's harmless amount, 0 from its ruinous amount on, linear in between.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.contract import PIPELINE_GRID
from models.errors import SignalError

Verdict = Literal["good", "poor", "unusable"]

_GOOD_FROM = 0.7
_USABLE_FROM = 0.25

_TENTH_SAMPLES = PIPELINE_GRID.sample_rate_hz // 10  # what is measured is tenths of a second
_FRAMES = 4  # in a tenth, of 25 ms each: shorter than any heart sound
_FLAT_FRAMES = 5  # in a tenth, of 20 ms each: whole samples at every rate of the wire
_NEAR_FULL_SCALE = int(0.97 * 2**15)
_FLOOR = 1e-12  # power of full scale: below every converter's own noise


class BlockLevels(NamedTuple):
    """What one block is like.

    Attributes
    ----------
    clipped_share, flat_share
        Share of the samples within 3 % of full scale, and of the 20 ms frames of one value.
    raw_power, band_power
        Mean square before and after the band-pass, full scale 1; the raw one without its mean.
    frame_power
        Shape (frames,), float32: band power of every 25 ms.
    """

    clipped_share: float
    flat_share: float
    raw_power: float
    band_power: float
    frame_power: npt.NDArray[np.float32]


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    score: float
    verdict: Verdict
    reasons: tuple[str, ...]

    @property
    def usable(self) -> bool:
        return self.verdict != "unusable"


class _Fault(NamedTuple):
    """`amount` of something bad: harmless up to one bound, ruinous from the other.

    `words` may show the amount.
    """

    amount: float
    harmless: float
    ruinous: float
    words: str

    @property
    def score(self) -> float:
        return min(1.0, max(0.0, (self.ruinous - self.amount) / (self.ruinous - self.harmless)))

    @property
    def reason(self) -> str:
        return self.words.format(self.amount)


def measure(raw: npt.NDArray[np.int16], filtered: npt.NDArray[np.float32]) -> BlockLevels:
    """Measure one block: a hop of the pipeline, or any other number of tenths of a second.

    Parameters
    ----------
    raw
        Shape (source samples,), int16: the block's own samples as the device sent them.
    filtered
        Shape (samples,), float32 of full scale 1: the same after the pipeline's filter, at the
        pipeline's rate.

    Raises
    ------
    SignalError
        If they are not the same block of whole tenths.
    """
    tenths, rest = divmod(len(filtered), _TENTH_SAMPLES)
    if raw.ndim != 1 or not tenths or rest or len(raw) % (tenths * _FLAT_FRAMES):
        raise SignalError(f"raw {raw.shape} and filtered {filtered.shape} are not one block")
    clipped = np.count_nonzero(raw >= _NEAR_FULL_SCALE) + np.count_nonzero(raw <= -_NEAR_FULL_SCALE)
    flat_frames = raw.reshape(tenths * _FLAT_FRAMES, -1)
    frames = filtered.reshape(tenths * _FRAMES, -1)
    frame_power = np.einsum("ij,ij->i", frames, frames) / frames.shape[1]
    return BlockLevels(
        clipped_share=clipped / len(raw),
        flat_share=float(np.mean(flat_frames.max(axis=1) == flat_frames.min(axis=1))),
        raw_power=_variance(raw) / 2.0**30,
        band_power=float(frame_power.mean()),
        frame_power=frame_power,
    )


def assess(blocks: Sequence[BlockLevels], gap_fraction: float) -> Assessment:
    """Judge the window that these blocks of one length make; a pure function of them."""
    faults = _faults(blocks, gap_fraction)
    score = min(fault.score for fault in faults)
    verdict: Verdict = (
        "good" if score >= _GOOD_FROM else "poor" if score >= _USABLE_FROM else "unusable"
    )
    serious = [fault for fault in faults if fault.score < _GOOD_FROM]
    reasons = tuple(fault.reason for fault in sorted(serious, key=lambda fault: fault.score))
    return Assessment(score=round(float(score), 3), verdict=verdict, reasons=reasons)


def _faults(blocks: Sequence[BlockLevels], gap_fraction: float) -> tuple[_Fault, ...]:
    number = len(blocks)
    clipped = sum(block.clipped_share for block in blocks) / number
    flat = max(0.0, sum(block.flat_share for block in blocks) / number - gap_fraction)
    band_db = _db(sum(block.band_power for block in blocks) / number)
    raw_db = _db(sum(block.raw_power for block in blocks) / number)
    quiet_db, loud_db, peak_db = _spread_db(blocks)
    if flat == 1 or band_db <= _db(_FLOOR):
        return (_Fault(1, 0, 1, "there is no sound: is the sensor on the skin?"),)
    return (
        _Fault(gap_fraction, 0.02, 0.5, "{:.0%} of the sound is missing"),
        _Fault(clipped, 0.005, 0.05, "{:.1%} of the sound is clipped"),
        _Fault(flat, 0.1, 0.6, "the signal stands still for {:.0%} of the time"),
        _Fault(-band_db, 60, 75, "the heart is hardly audible (-{:.0f} dB)"),
        _Fault(raw_db - band_db, 15, 30, "almost all of the sound lies outside 25-400 Hz"),
        _Fault(quiet_db - loud_db, -8, -4, "a steady noise covers the beats"),
        _Fault(peak_db - loud_db, 13, 28, "a knock is far louder than the beats"),
    )


def _spread_db(blocks: Sequence[BlockLevels]) -> tuple[float, float, float]:
    """How loud the quiet fifth, the loud tenth and the loudest 25 ms of the window are."""
    ordered = np.sort(np.concatenate([block.frame_power for block in blocks]))
    last = len(ordered) - 1
    return _db(ordered[last // 5]), _db(ordered[last * 9 // 10]), _db(ordered[last])


def _variance(raw: npt.NDArray[np.int16]) -> float:
    # In one pass over exact 64-bit floats: a third of the time of numpy's var.
    power = float(np.einsum("i,i->", raw, raw, dtype=np.float64)) / len(raw)
    return max(0.0, power - float(raw.mean()) ** 2)


def _db(power: float) -> float:
    return 10 * math.log10(max(power, _FLOOR))
