"""What is asked of the files that ship: their size and time, and that literature's nets are run."""

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec

from models.errors import ConfigurationError
from models.predictor import SEGMENT
from models.registry import ARTIFACTS, Entry, read_manifest
from training.evaluation.collected import Row
from training.evaluation.cost import Cost
from training.evaluation.literature import literature
from training.evaluation.markdown_table import DASH, number
from training.evaluation.targets import NOT_RUN, Cells, judged

_MOST_KB = 250.0
_MOST_MS = {1: 0.3, 32: 0.25}  # for one window, by size of batch
_TIMES_LESS = {"librosa and PyTorch": 6.0, "librosa and ONNX Runtime": 4.0}
_OURS = "ours-"  # recipes that train another's net as ours is trained
_BENCHMARK = Path("bench-results/inference.json")


class _Ratios(msgspec.Struct, frozen=True):
    times_ours: dict[str, float]


class _Benchmark(msgspec.Struct, frozen=True):
    measured: _Ratios


def lines(
    rows: Sequence[Row],
    costs: Sequence[Cost],
    gaps: int,
    *,
    folder: Path = ARTIFACTS,
    benchmark: Path = _BENCHMARK,
) -> list[Cells]:
    """As `training.evaluation.targets.lines`.

    Parameters
    ----------
    gaps
        How many of the literature's rows were not run by one protocol or the other.
    folder
        Of the artifacts that ship, with their manifest.
    benchmark
        What ``python -m tests.benchmarks.bench_inference`` wrote.
    """
    entries = read_manifest(folder).models
    classifiers = [entry for entry in entries if entry.task != SEGMENT]
    return [
        *(_size(entry, folder) for entry in entries),
        *(line for entry in classifiers for line in _times(entry, costs)),
        *_usual_ways(benchmark),
        _literature(rows, gaps),
        _literature_by_ours(rows),
    ]


def _size(entry: Entry, folder: Path) -> Cells:
    size_kb = (folder / entry.file).stat().st_size / 1e3
    return (
        "size of each shipped file",
        "kB",
        "int8: 770 to 20 000",
        DASH,
        f"{size_kb:.0f}",
        f"≤ {_MOST_KB:.0f}",
        judged(size_kb, _MOST_KB, at_most=True),
        f"{entry.name} {entry.version}",
    )


def _times(entry: Entry, costs: Sequence[Cost]) -> list[Cells]:
    """Of the measured cost; the section on cost has the literature's nets beside it."""
    own = [cost for cost in costs if (cost.model, cost.version) == (entry.name, entry.version)]
    taken = {each.batch: each.per_window_ms for cost in own for each in cost.latency}
    return [
        (
            "waveform to probabilities, one thread on one core",
            f"median ms a window, batch {batch}",
            "0.60 to 7.8 for a ready-made mel picture of 2 s",
            NOT_RUN,
            f"{taken[batch]:.3f}" if batch in taken else NOT_RUN,
            f"≤ {most_ms:g}",
            judged(taken.get(batch, float("nan")), most_ms, at_most=True),
            f"{entry.name} {entry.version}",
        )
        for batch, most_ms in _MOST_MS.items()
    ]


def _usual_ways(benchmark: Path) -> list[Cells]:
    found = {way: float("nan") for way in _TIMES_LESS}
    if benchmark.is_file():
        try:
            said = msgspec.json.decode(benchmark.read_bytes(), type=_Benchmark)
            found |= said.measured.times_ours
        except msgspec.DecodeError as error:
            raise ConfigurationError(f"{benchmark} is no benchmark of inference: {error}") from None
    return [
        (
            "time of the same net the usual way, over ours",
            way,
            DASH,
            NOT_RUN,
            number(found[way], 1) if math.isfinite(found[way]) else NOT_RUN,
            f"≥ {least:g}",
            judged(found[way], least),
            "bench_inference",
        )
        for way, least in _TIMES_LESS.items()
    ]


def _literature(rows: Sequence[Row], gaps: int) -> Cells:
    wanted = 2 * len(literature().result)
    return (
        "every literature architecture, by its work's protocol and by subject",
        "rows filled in",
        "their own tables",
        DASH,
        f"{wanted - gaps} of {wanted}",
        f"{wanted}, or not run and why",
        judged(wanted - gaps, wanted),
        f"{len({row.name for row in rows})} models in all",
    )


def _literature_by_ours(rows: Sequence[Row]) -> Cells:
    wanted = {result.architecture for result in literature().result}
    have = {row.run.architecture for row in rows if row.run.recipe.startswith(_OURS)} & wanted
    return (
        "every literature architecture, trained by our own recipe",
        "architectures",
        DASH,
        DASH,
        f"{len(have)} of {len(wanted)}",
        f"{len(wanted)}",
        judged(len(have), len(wanted)),
        f"recipes {_OURS}NET-FRONT_END",
    )
