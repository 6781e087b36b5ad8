"""What is said of many recordings at once, of which some cannot be read."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.classify import RecordingResult, Summary, classify_file
from models.errors import UserError
from models.predictor import Predictor


def classify_files(files: Sequence[Path], models: Sequence[Predictor], *, as_json: bool) -> int:
    """Print what the models say of each file, and one line for each that cannot be used.

    JSON comes line by line as soon as it is known, the table when all is known.

    Returns
    -------
    The status to exit with: 1 where a file could not be used.
    """
    results: list[RecordingResult] = []
    refusals: list[UserError] = []
    for file in files:
        try:
            result = classify_file(file, models)
        except UserError as error:
            refusals.append(error)
            continue
        if as_json:
            print(msgspec.json.encode(result).decode(), flush=True)  # noqa: T201 (for a pipe)
        else:
            results.append(result)
    if results:
        Console().print(_table(results))
    for refusal in refusals:  # last, so that no table scrolls them away
        sys.stderr.write(f"{refusal}\n")
    return 1 if refusals else 0


def _table(results: Sequence[RecordingResult]) -> Table:
    table = Table(box=None, header_style="underline", padding=(0, 2, 0, 0))
    table.add_column("Recording", overflow="fold")
    table.add_column("Length", no_wrap=True)
    table.add_column("Usable windows", max_width=10)
    table.add_column("Finding", max_width=14)
    table.add_column("Model", overflow="fold")
    names = short_names([result.path for result in results])
    for name, result in zip(names, results, strict=True):
        for summary in result.summary:
            table.add_row(
                Text(name),  # a path may look like markup
                f"{result.duration_s:.1f} s",
                f"{summary.usable_windows} of {summary.windows}",
                Text(_finding(summary)),
                Text(f"{summary.model} {summary.version}"),
            )
    return table


def _finding(summary: Summary) -> str:
    says = f"{summary.label} {summary.probability:.0%}"
    return says if summary.usable_windows else f"poor signal ({says})"


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
