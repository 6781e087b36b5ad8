"""The table is legible at 80 by 24, without colour, and hides nothing urgent."""

import io

import pytest
from rich.console import Console

from dashboards.terminal.render import Heading, fitting, ward
from dashboards.terminal.ward_view import (
    BedPicture,
    ProcessPicture,
    Standing,
    WardView,
)
from models.rhythm import Heart
from stream_processors.records import AlarmEvent, DeadLetter, Priority
from tests.reports import alarm_event
from tests.unit.dashboards.terminal.examples import NOW_US, at, clock_of, finding, result

_PROCESSES = tuple(
    ProcessPicture(name, "running", 0, 0.12)
    for name in ("mqtt", "kafka", "bridge", "worker-1", "simulator")
)


def _text(
    view: WardView,
    *,
    processes: tuple[ProcessPicture, ...] = _PROCESSES,
    size: tuple[int, int] = (80, 24),
    notices: tuple[str, ...] = (),
) -> list[str]:
    width, height = size
    shown = io.StringIO()
    console = Console(width=width, height=height, color_system=None, file=shown)
    console.print(
        ward(
            view.picture(NOW_US),
            processes,
            heading=Heading("Heartward, demonstration ward", "Ctrl-C ends", notices),
            height=height,
        )
    )
    return shown.getvalue().rstrip().splitlines()


def _ward_of(beds: int) -> WardView:
    view = WardView()
    for bed in range(1, beds + 1):
        view.result(result(f"wearable-{bed:02}", bed=f"{bed:02}"), NOW_US)
    return view


def test_twelve_beds_and_all_figures_fit_an_ordinary_terminal() -> None:
    lines = _text(_ward_of(12))
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert all(any(line.startswith(f"{bed:02} ") for line in lines) for bed in range(1, 13))
    assert lines[-1].startswith("Ctrl-C ends")


def test_a_bed_shows_its_heart_rate_as_long_as_the_device_is_heard() -> None:
    heart = Heart(rate_bpm=71.6, confidence=0.9)
    view = WardView()
    view.result(result("a", bed="1", heart=heart), NOW_US)
    view.result(result("b", bed="2"), NOW_US)
    view.result(result("c", bed="3", published_us=at(-30), heart=heart), at(-30))
    first, second, third = (
        next(line.split() for line in _text(view) if line.startswith(f"{bed} "))
        for bed in (1, 2, 3)
    )
    assert "72" in first
    assert "-" in second
    assert "72" not in third


def test_every_standing_is_told_in_words_and_not_by_colour_alone() -> None:
    view = WardView()
    view.result(result("a", bed="1", findings=(finding("abnormal", 0.87),)), NOW_US)
    view.result(
        result(
            "b", bed="2", findings=(finding(abstained=True),), verdict="poor", reasons=("noise",)
        ),
        NOW_US,
    )
    view.result(result("c", bed="3", published_us=at(-30)), at(-30))
    view.result(result("d", bed="4"), NOW_US)
    beds = [line.split() for line in _text(view) if line[:1] in "1234" and line[1:2] == " "]
    assert [" ".join(words) for words in beds] == [
        "1 a ▲ abnormal 87% - good 0.90 0 s 0.0%",
        "2 b ~ poor signal - poor 0.90: noise 0 s 0.0%",
        "3 c ? no result - - 30 s 0.0%",
        "4 d ✓ normal 90% - good 0.90 0 s 0.0%",
    ]


def test_notices_stand_above_the_footer_and_take_no_more_than_their_lines() -> None:
    notices = ("bridge was ended by SIGKILL", "worker-1 exits with 1: " + 80 * "x")
    lines = _text(_ward_of(12), notices=notices)
    assert lines[-3] == notices[0]
    assert lines[-2].startswith("worker-1 exits with 1")
    assert lines[-1] == "Ctrl-C ends"
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_clocks_are_shown_apart() -> None:
    view = _ward_of(1)
    assert any(line.startswith("device clocks off by     -     -     -") for line in _text(view))
    view.take(clock_of("wearable-01", -2_000_000), NOW_US)
    assert any(line.startswith("device clocks off by  2000  2000  2000") for line in _text(view))


def test_latency_and_processes_stand_below() -> None:
    text = "\n".join(_text(_ward_of(1)))
    assert "received to result" in text
    assert "900   900   900" in text
    assert "worker-1" in text


def test_the_empty_table_says_what_it_waits_for() -> None:
    starting = (ProcessPicture("kafka", "starting", 0, None),)
    assert any(
        "waiting for kafka to start" in line for line in _text(WardView(), processes=starting)
    )


def test_a_refusal_is_shown_with_its_reason() -> None:
    view = _ward_of(12)
    view.dead_letter(
        DeadLetter(
            at_us=NOW_US, stage="bridge", reason="v is 9", topic="t", device_id="x", payload=b""
        )
    )
    lines = _text(view)
    assert "last refused: x: v is 9" in lines
    assert any("1 dead letters" in line for line in lines)
    assert len(lines) <= 24


@pytest.mark.parametrize("height", [12, 18, 24, 60])
def test_the_table_keeps_to_the_height_of_the_terminal(height: int) -> None:
    lines = _text(_ward_of(200), size=(80, height))
    assert len(lines) <= max(height, 14)
    assert any("more beds" in line and "normal" in line for line in lines)


def test_when_not_all_beds_fit_the_urgent_ones_are_shown() -> None:
    standings = [Standing.NORMAL] * 5 + [Standing.ABNORMAL, Standing.SILENT]
    beds = tuple(
        BedPicture(str(number), "d", standing, None, None, None, None, 0.0)
        for number, standing in enumerate(standings)
    )
    shown, rest = fitting(beds, 4)
    assert [bed.standing for bed in shown] == [
        Standing.ABNORMAL,
        Standing.SILENT,
        Standing.NORMAL,
    ]
    assert rest == "and 4 more beds: 4 normal"


def test_an_alarm_is_told_in_stars_and_words_and_an_answered_one_says_so() -> None:
    view = _ward_of(3)
    view.take(_alarm("wearable-02", "active", priority="high", cause="no heart sound"), NOW_US)
    view.take(_alarm("wearable-03", "acknowledged", cause="HR 134 > 120"), NOW_US)
    lines = _text(view)
    assert any(line.startswith("02 ") and "*** no heart sound" in line for line in lines)
    assert any("** HR 134 > 120 (acknowledged)" in line for line in lines)


def test_an_alarm_of_the_pipeline_has_a_line_of_its_own() -> None:
    view = _ward_of(12)
    view.take(_alarm("_pipeline", "active", priority="high", cause="no word of bridge b"), NOW_US)
    lines = _text(view)
    assert "*** no word of bridge b" in lines
    assert len(lines) <= 24


def test_when_not_all_beds_fit_those_that_call_are_shown() -> None:
    view = _ward_of(40)
    view.take(_alarm("wearable-39", "active", cause="HR 134 > 120"), NOW_US)
    assert any(line.startswith("39 ") for line in _text(view))


def _alarm(device_id: str, state: str, *, priority: Priority = "medium", cause: str) -> AlarmEvent:
    return alarm_event(
        episode_id=device_id,
        device_id=device_id,
        kind="technical",
        priority=priority,
        state_to=state,
        at_us=NOW_US,
        cause=cause,
    )
