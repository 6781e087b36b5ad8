"""Tables on the terminal, legible without colour."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # ONNX Runtime is not loaded to draw a table
    from deploy.doctor import Verdict
    from models.classify import RecordingResult

_MARKS = {True: ("ok", "green"), False: ("FAILS", "bold red"), None: ("-", "dim")}


def show_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(box=None, header_style="underline", padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # a path may look like markup
    Console().print(table)


def show_verdicts(verdicts: Sequence["Verdict"]) -> None:
    """Each check in a line, and below a failed one what to do."""
    table = Table(box=None, header_style="underline", padding=(0, 2, 0, 0))
    for head in ("Check", "", "Seen"):
        table.add_column(head, overflow="fold")
    for verdict in verdicts:
        word, style = _MARKS[verdict.ok]
        table.add_row(verdict.check, Text(word, style=style), Text(verdict.seen))
        if verdict.remedy:
            table.add_row("", "", Text(f"do: {verdict.remedy}", style="bold"))
    Console().print(table)


def show_classified(results: Iterable["RecordingResult"], *, as_json: bool) -> None:
    """One line a recording, as soon as it is known when it is JSON."""
    if as_json:
        for result in results:
            print(msgspec.json.encode(result).decode(), flush=True)  # noqa: T201 (for a pipe)
        return
    rows = [
        (
            result.path,
            f"{result.duration_s:.1f} s",
            f"{result.usable_windows} of {len(result.windows)}",
            opinion.label if result.usable_windows else f"poor signal ({opinion.label})",
            f"{opinion.probability:.0%}",
            f"{opinion.model} {opinion.version}",
        )
        for result in results
        for opinion in result.summary
    ]
    show_table(("Recording", "Length", "Usable windows", "Finding", "Probability", "Model"), rows)
