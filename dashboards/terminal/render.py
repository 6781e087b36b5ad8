"""The live ward as text: legible at 80 columns, and without colour."""

from collections import Counter
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dashboards.terminal.latency import Percentiles
from dashboards.terminal.ward_view import (
    BedPicture,
    ProcessPicture,
    Standing,
    WardPicture,
    waiting_for,
)
from stream_processors.records import STAGES, AlarmEvent

_STAGE_NAMES = dict(
    zip(
        STAGES,
        ("captured to received", "to window", "to finding", "to result", "received to result"),
        strict=True,
    )
)
_CLOCKS = "device clocks off by"
_OTHER_LINES = 6  # title, heads of the bed table, blank, flow, heads of the machinery, footer


_PRIORITIES = {
    "high": ("***", "bold white on red"),
    "medium": ("**", "bold yellow"),
    "low": ("*", "cyan"),
}


class Heading(NamedTuple):
    """Words around the tables; notices and the console's address have lines of their own."""

    title: str
    footer: str
    notices: tuple[str, ...] = ()
    console: str = ""


class _Look(NamedTuple):
    symbol: str
    words: str
    style: str


_LOOKS = {
    Standing.ABNORMAL: _Look("▲", "abnormal", "bold red"),
    Standing.SILENT: _Look("?", "no result", "bold magenta"),
    Standing.POOR_SIGNAL: _Look("~", "poor signal", "yellow"),
    Standing.WAITING: _Look("·", "waiting", "dim"),
    Standing.NORMAL: _Look("✓", "normal", "green"),
}


def ward(
    picture: WardPicture,
    processes: tuple[ProcessPicture, ...],
    *,
    heading: Heading,
    height: int,
) -> RenderableType:
    """Everything, in at most `height` lines: beds above, the machinery below."""
    waits = waiting_for(picture, processes)
    letter = picture.last_dead_letter
    refused = [_line(f"last refused: {letter.device_id}: {letter.reason}", "red")] if letter else []
    notices = [_line(notice, "bold yellow") for notice in heading.notices]
    of_pipeline = [] if picture.pipeline_alarm is None else [_alarm(picture.pipeline_alarm)]
    rows = max(len(STAGES) + 1, len(processes))
    console = [_line(heading.console, "bold")] if heading.console else []
    lines_below = _OTHER_LINES + rows + sum(map(len, (refused, of_pipeline, notices, console)))
    shown, rest = fitting(picture.beds, max(2, height - lines_below))
    return Group(
        _line(heading.title, "bold"),
        _bed_table(shown),
        *([_line(rest, "bold")] if rest else []),
        Text(),
        _line(waits, "bold yellow") if waits else _flow(picture),
        *of_pipeline,
        *refused,
        _machinery(picture, processes),
        *notices,
        *console,
        _line(heading.footer, "dim"),
    )


def fitting(beds: tuple[BedPicture, ...], lines: int) -> tuple[tuple[BedPicture, ...], str]:
    """The beds to show, and words for the others; when not all fit the urgent ones come first."""
    if len(beds) <= lines:
        return beds, ""
    urgent_first = sorted(beds, key=lambda bed: (not _calls(bed.alarm), bed.standing))
    shown, hidden = urgent_first[: lines - 1], urgent_first[lines - 1 :]
    counts = Counter(_LOOKS[bed.standing].words for bed in hidden)
    words = ", ".join(f"{count} {what}" for what, count in counts.items())
    return tuple(shown), f"and {len(hidden)} more beds: {words}"


def _line(words: str, style: str) -> Text:
    return Text(words, style=style, no_wrap=True, overflow="ellipsis")


def _bed_table(beds: tuple[BedPicture, ...]) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="bold underline")
    table.add_column("Bed", no_wrap=True, min_width=3)
    table.add_column("Device", no_wrap=True, overflow="ellipsis", max_width=16)
    table.add_column("Finding", no_wrap=True, min_width=17)
    table.add_column("bpm", justify="right", no_wrap=True, min_width=3)
    table.add_column("Alarm or signal", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("Last", justify="right", no_wrap=True, min_width=4)
    table.add_column("Gaps", justify="right", no_wrap=True, min_width=5)
    for bed in beds:
        table.add_row(
            Text(bed.bed),
            Text(bed.device_id),
            _finding(bed),
            _rate(bed),
            _alarm(bed.alarm) if bed.alarm is not None else _signal(bed),
            "-" if bed.age_s is None else f"{bed.age_s:.0f} s",
            "-" if bed.age_s is None else f"{bed.gap_fraction:.1%}",
        )
    return table


def _finding(bed: BedPicture) -> Text:
    look = _LOOKS[bed.standing]
    if bed.finding is None or bed.standing not in (Standing.NORMAL, Standing.ABNORMAL):
        return Text(f"{look.symbol} {look.words}", style=look.style)
    named = f"{look.symbol} {bed.finding.label}"
    return Text(f"{named:<11} {bed.finding.probability:>5.0%}", style=look.style)


def _calls(alarm: AlarmEvent | None) -> bool:
    """Whether an alarm waits for an answer."""
    return alarm is not None and alarm.state_to in ("active", "latched")


def _alarm(alarm: AlarmEvent) -> Text:
    """Stars say the priority where there is no colour; an answered alarm is dim."""
    stars, style = _PRIORITIES[alarm.priority]
    answered = alarm.state_to in ("acknowledged", "shelved")
    state = "" if alarm.state_to == "active" else f" ({alarm.state_to})"
    words = f"{stars} {alarm.cause}{state}"
    return Text(words, style="dim" if answered else style, no_wrap=True, overflow="ellipsis")


def _rate(bed: BedPicture) -> str:
    if bed.heart is None or bed.standing is Standing.SILENT:
        return "-"
    return f"{bed.heart.rate_bpm:.0f}"


def _signal(bed: BedPicture) -> Text:
    if bed.quality is None or bed.standing is Standing.SILENT:
        return Text("-", style="dim")
    style = {"good": "green", "poor": "yellow", "unusable": "magenta"}[bed.quality.verdict]
    reason = f": {bed.quality.reasons[0]}" if bed.quality.reasons else ""
    return Text(f"{bed.quality.verdict} {bed.quality.score:.2f}{reason}", style=style)


def _flow(picture: WardPicture) -> Text:
    lost = f"{picture.windows_missing} windows missing"
    refused = f"{picture.dead_letters} dead letters"
    text = Text(f"{picture.chunks_per_s:.1f} chunks/s   {picture.windows_per_s:.1f} windows/s   ")
    text.append(lost, style="bold red" if picture.windows_missing else "green")
    text.append("   ")
    text.append(refused, style="bold red" if picture.dead_letters else "green")
    return text


def _machinery(picture: WardPicture, processes: tuple[ProcessPicture, ...]) -> Table:
    both = Table.grid(padding=(0, 3, 0, 0))
    both.add_row(_latencies(picture), _processes(processes))
    return both


def _latencies(picture: WardPicture) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="underline")
    table.add_column("Delay, ms", no_wrap=True)
    for name in ("p50", "p95", "p99"):
        table.add_column(name, justify="right", min_width=5)
    for stage, name in _STAGE_NAMES.items():
        cells = _in_ms(picture.latency_ms.get(stage))
        table.add_row(name, *cells, style="bold" if stage == "end_to_end" else None)
    table.add_row(_CLOCKS, *_in_ms(picture.clock_error_ms), style="dim")
    return table


def _in_ms(values: Percentiles | None) -> tuple[str, ...]:
    return ("-", "-", "-") if values is None else tuple(str(round(value)) for value in values)


def _processes(processes: tuple[ProcessPicture, ...]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="underline")
    table.add_column("Process", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Restarts", justify="right")
    table.add_column("CPU", justify="right", min_width=4)
    for process in processes:
        table.add_row(
            process.name,
            Text(process.state, style="green" if process.state == "running" else "bold yellow"),
            Text(str(process.restarts), style="bold red" if process.restarts else ""),
            "-" if process.cpu_fraction is None else f"{process.cpu_fraction:.0%}",
        )
    return table
