"""Tables on the terminal, legible without colour."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # what the doctor needs is not loaded to draw a table
    from deploy.doctor import Verdict

_MARKS = {True: ("ok", "green"), False: ("FAILS", "bold red"), None: ("-", "dim")}

_CHECK_WIDTH, _MARK_WIDTH = 20, 5


def show_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(box=None, header_style="underline", padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # a path may look like markup
    Console().print(table)


def show_verdict(verdict: "Verdict") -> None:
    """One check in a line, and below a failed one what to do."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=_CHECK_WIDTH)
    table.add_column(width=_MARK_WIDTH)
    table.add_column(overflow="fold")
    word, style = _MARKS[verdict.ok]
    table.add_row(verdict.check, Text(word, style=style), Text(verdict.seen))
    if verdict.remedy:
        table.add_row("", "", Text(f"do: {verdict.remedy}", style="bold"))
    Console().print(table)
