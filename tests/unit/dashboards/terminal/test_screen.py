"""A terminal gets the whole table, a log one line at a time."""

import io

from rich.console import Console

from dashboards.terminal.render import Heading
from dashboards.terminal.screen import LineScreen, Screen, TableScreen
from dashboards.terminal.ward_view import ProcessPicture, WardView
from tests.unit.dashboards.terminal.examples import NOW_US, result

_PROCESSES = (ProcessPicture("bridge", "running", 0, 0.1),)


def _drawn(make: type[TableScreen | LineScreen], view: WardView, heading: Heading) -> str:
    shown = io.StringIO()
    screen: Screen = make(Console(file=shown, force_terminal=True, width=80, height=24))
    with screen:
        screen.show(view.picture(NOW_US), _PROCESSES, heading)
    return shown.getvalue()


def test_a_terminal_shows_the_table_and_is_given_back() -> None:
    view = WardView()
    view.result(result(), NOW_US)
    drawn = _drawn(TableScreen, view, Heading("title", "footer"))
    assert "wearable-01" in drawn
    assert "footer" in drawn
    assert drawn.index("\x1b[?1049h") < drawn.index("wearable-01") < drawn.index("\x1b[?1049l")


def test_a_log_gets_what_is_waited_for_and_then_the_counts() -> None:
    view = WardView()
    heading = Heading("title:", "footer", ("12:00:00 bridge exits with 1",))
    waiting = _drawn(LineScreen, view, heading)
    assert "title: waiting for the first sound" in waiting
    view.result(result(), NOW_US)
    counted = _drawn(LineScreen, view, heading)
    assert "1 of 1 beds report, 0 chunks, 1 windows, 0 missing" in counted
    assert "12:00:00 bridge exits with 1" in counted


def test_a_log_tells_once_where_the_ward_is_and_each_notice() -> None:
    shown = io.StringIO()
    screen = LineScreen(Console(file=shown, width=80))
    picture = WardView().picture(NOW_US)
    for notices in (("first",), ("first", "second"), ("second",)):
        screen.show(picture, _PROCESSES, Heading("title", "footer", notices))
    assert shown.getvalue().startswith("footer\n")
    assert shown.getvalue().count("footer") == 1
    assert (shown.getvalue().count("first\n"), shown.getvalue().count("second\n")) == (1, 1)
