"""What is said of many recordings at once, of which some cannot be read."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from models.answer import FileAnswer, ModelAnswer, Refusal, answer_of
from models.classify import RecordingResult, classify_file
from models.errors import UserError
from models.predictor import Predictor
from models.sound_file import SUFFIXES, sounds_below

if TYPE_CHECKING:
    from dashboards.pictures.album import Album


class _Unheard(NamedTuple):
    """What was named and gives no recording, and why."""

    path: Path
    error: str


def classify_files(
    named: Sequence[Path], models: Sequence[Predictor], *, as_json: bool, plot: Path | None = None
) -> int:
    """Print what the models say of each file, and one line for each that cannot be used.

    JSON comes line by line as soon as it is known, the table when all is known.

    Parameters
    ----------
    named
        Files, and folders to walk.
    plot
        Folder for a picture of each file.

    Returns
    -------
    The status to exit with: 1 where a file could not be used.
    """
    given = list(_walked(named))
    album = _album(plot, [each for each in given if isinstance(each, Path)])
    answers: list[FileAnswer] = []
    refusals: list[Refusal] = []
    for each in _counted(given, quiet=as_json and sys.stdout.isatty()):
        heard = _heard(each, models)
        answer = heard if isinstance(heard, Refusal) else answer_of(heard)
        if as_json:
            print(msgspec.json.encode(answer).decode(), flush=True)  # noqa: T201 (for a pipe)
        if isinstance(answer, Refusal):
            refusals.append(answer)
        else:
            answers.append(answer)
        if album is not None and isinstance(each, Path) and not isinstance(heard, Refusal):
            album.draw(each, heard)
    if not as_json:
        _show(answers, refusals)
    if album is not None:
        sys.stderr.write(f"{album.drawn} pictures are in {album.folder}\n")
    return 1 if refusals else 0


def _walked(named: Sequence[Path]) -> Iterator[Path | _Unheard]:
    for path in named:
        if not path.is_dir():
            yield path
            continue
        found = list(sounds_below(path))
        yield from found
        if not found:
            kinds = ", ".join(sorted(SUFFIXES))
            yield _Unheard(path, f"{path} holds no recording: known are {kinds}")


def _heard(given: Path | _Unheard, models: Sequence[Predictor]) -> RecordingResult | Refusal:
    if isinstance(given, _Unheard):
        return Refusal(path=_text(given.path), error=given.error)
    try:
        return classify_file(given, models)
    except UserError as error:
        return Refusal(path=_text(given), error=str(error))


def _text(path: Path) -> str:
    return os.fsencode(path).decode(errors="replace")


def _counted(given: Sequence[Path | _Unheard], *, quiet: bool) -> Iterator[Path | _Unheard]:
    """With a bar on the terminal where there are several, which leaves the output alone."""
    columns = (TextColumn("classifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=quiet or len(given) < 2 or not console.is_terminal,
    ) as progress:
        yield from progress.track(given)


def _show(answers: Sequence[FileAnswer], refusals: Sequence[Refusal]) -> None:
    if answers:
        Console().print(_table(answers))
    for refusal in refusals:  # last, so that no table scrolls them away
        sys.stderr.write(f"{refusal.error}\n")


def _table(answers: Sequence[FileAnswer]) -> Table:
    table = Table(box=None, header_style="underline", padding=(0, 2, 0, 0))
    table.add_column("Recording", overflow="fold")
    table.add_column("Length", no_wrap=True)
    table.add_column("Signal", max_width=18)
    table.add_column("bpm", justify="right", no_wrap=True)
    table.add_column("Finding", max_width=14)
    table.add_column("Model", overflow="fold")
    names = short_names([answer.path for answer in answers])
    for name, answer in zip(names, answers, strict=True):
        # A path may look like markup.
        heads = (Text(name), f"{answer.duration_s:.1f} s", _signal(answer), _rate(answer))
        for row, (model, said) in enumerate(answer.models.items()):
            of_model = model.removesuffix(f"-{said.version}")
            about = heads if row == 0 else ("", "", "", "")
            table.add_row(*about, Text(_finding(said)), Text(f"{of_model} {said.version}"))
    return table


def _signal(answer: FileAnswer) -> str:
    quality = answer.quality
    return f"{quality.verdict}, {quality.usable_windows} of {len(quality.windows)}"


def _rate(answer: FileAnswer) -> str:
    return "-" if answer.heart is None else f"{answer.heart.rate_bpm:.0f}"


def _finding(said: ModelAnswer) -> str:
    says = f"{said.label} {said.probabilities[said.label]:.0%}"
    return f"poor signal ({says})" if said.abstained else says


def _album(plot: Path | None, files: Sequence[Path]) -> "Album | None":
    if plot is None:
        return None
    try:
        from dashboards.pictures.album import Album  # noqa: PLC0415 (Matplotlib is an extra)
    except ModuleNotFoundError as error:
        raise UserError(f"--plot needs {error.name}: pip install 'heartward[training]'") from error
    names = short_names([_text(file) for file in files])
    return Album(plot, dict(zip(files, names, strict=True)))


def short_names(paths: Sequence[str]) -> list[str]:
    """The name of each file, with as many folders before it as tell it from the others."""
    parts = {path: PurePath(path).parts for path in paths}
    lengths = dict.fromkeys(parts, 1)
    while True:
        short = {path: str(PurePath(*parts[path][-lengths[path] :])) for path in parts}
        named = Counter(short.values())
        growing = [p for p in parts if named[short[p]] > 1 and lengths[p] < len(parts[p])]
        if not growing:
            return [short[path] for path in paths]
        for path in growing:
            lengths[path] += 1
