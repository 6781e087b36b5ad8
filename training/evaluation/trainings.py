"""How the nets of a folder were trained: their curves, their time, and on what machine."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
from matplotlib.figure import Figure

from models.errors import ConfigurationError
from training.datasets.pictures import COLOURS
from training.evaluation import png
from training.evaluation import predictions as files
from training.evaluation.markdown_table import count, number, table

_HISTORY, _RUN = "history.json", "run.json"
_Kind = TypeVar("_Kind")
_ABOUT = """\
## How they were trained

Means over the trainings of one model. The validation part is of the training's own subjects, or \
of its recordings where the protocol leaks.
"""
_HEADS = (
    *("model", "protocol", "trainings", "parameters", "epochs", "kept"),
    *("a training, min", "an epoch, s", "on"),
)
_SHOWN = ("loss", "validation loss", "validation UAR")
# Of lines, and of what is one point: when all colours are used, they begin again in another look.
_LOOKS = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"))


class _Judged(msgspec.Struct, frozen=True, kw_only=True):
    """JSON has no NaN: what could not be counted is None."""

    loss: float | None
    uar: float | None


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn of a line of ``history.json``, as `training.engine.loop` writes it."""

    loss: float
    seconds: float
    validation: _Judged


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of ``run.json``, as `training.engine.runs` writes it."""

    recipe: str
    protocol: str
    fold: int
    seed: int
    parameters: int
    best: int
    training_s: float
    device: str


class Training(NamedTuple):
    """One output folder of ``heartward train``."""

    model: str
    protocols: tuple[str, ...]
    run: _Run
    history: tuple[Epoch, ...]


def find(folder: Path) -> list[Training]:
    """Every finished training below a folder whose test was heard.

    Raises
    ------
    ConfigurationError
        If its files cannot be understood.
    """
    return list(_found(folder))


def section(found: Sequence[Training], folder: Path) -> str:
    """As Markdown; the pictures are written into `folder`."""
    if not found:
        return ""
    by_model = _by_model(found)
    parts = [_ABOUT, table(_HEADS, [_cells(own) for own in by_model.values()])]
    protocols = sorted({protocols for _, protocols in by_model})
    for place, protocol in enumerate(protocols, start=1):
        own = {name: each for (name, named), each in by_model.items() if named == protocol}
        name = f"training-curves-{place}.png"
        png.save(draw(own, protocol), folder / name)
        parts.append(f"![Training curves, {protocol}]({name})\n")
    return "\n".join(parts)


def draw(by_model: dict[str, list[Training]], title: str) -> Figure:
    """A line a model, the mean over its trainings; its lighter area is their range."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(_SHOWN)), _SHOWN, strict=True):
        for place, (model, own) in enumerate(by_model.items()):
            colour = COLOURS[place % len(COLOURS)]
            line, point = _LOOKS[place // len(COLOURS) % len(_LOOKS)]
            values = _together([_values(each, name) for each in own])
            epochs = np.arange(1, values.shape[1] + 1)
            mark = point if len(epochs) == 1 else None
            middle = np.nanmean(values, axis=0)
            axes.plot(epochs, middle, color=colour, linestyle=line, marker=mark, label=model)
            low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
            axes.fill_between(epochs, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.set(xlabel="epoch", ylabel=name)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize="x-small")
    figure.suptitle(title, fontsize="medium")
    return figure


def _found(folder: Path) -> Iterator[Training]:
    for path in sorted(folder.rglob(_HISTORY)):
        heads = [files.head(file) for file in sorted(path.parent.glob(f"*{files.SUFFIX}"))]
        own = [head for head in heads if head.trained_on and head.protocol != "all"]
        if own and (path.parent / _RUN).is_file():
            yield Training(
                model=f"{own[0].model} {own[0].version}",
                protocols=tuple(sorted({head.protocol for head in own})),
                run=_decoded(path.parent / _RUN, _Run),
                history=_decoded(path, tuple[Epoch, ...]),
            )


def _decoded(path: Path, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"{path} is not of a training: {error}") from None


def _by_model(found: Sequence[Training]) -> dict[tuple[str, str], list[Training]]:
    by_model: dict[tuple[str, str], list[Training]] = defaultdict(list)
    for each in found:
        by_model[each.model, " and ".join(each.protocols)].append(each)
    return dict(sorted(by_model.items()))


def _cells(own: Sequence[Training]) -> list[str]:
    runs = [each.run for each in own]
    lengths = [len(each.history) for each in own]
    epochs_s = [epoch.seconds for each in own for epoch in each.history]
    return [
        own[0].model,
        " and ".join(own[0].protocols),
        str(len(own)),
        count(runs[0].parameters),
        _range(lengths),
        _range([run.best + 1 for run in runs]),
        number(float(np.mean([run.training_s for run in runs])) / 60, 1),
        number(float(np.mean(epochs_s)), 1),
        ", ".join(sorted({run.device for run in runs})),
    ]


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _values(each: Training, name: str) -> list[float | None]:
    if name == "loss":
        return [epoch.loss for epoch in each.history]
    if name == "validation loss":
        return [epoch.validation.loss for epoch in each.history]
    return [epoch.validation.uar for epoch in each.history]


def _together(values: Sequence[Sequence[float | None]]) -> np.typing.NDArray[np.float64]:
    """Shape (trainings, epochs), NaN after the end of those that ended early."""
    longest = max(map(len, values))
    rows = [[*own, *[None] * (longest - len(own))] for own in values]
    return np.array(rows, np.float64)
