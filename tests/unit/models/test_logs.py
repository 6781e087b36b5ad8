import json
import logging

import pytest

from models import logs
from models.logs import KeyValueFormatter, Throttle, about


def record(message: str, at_s: float, *args: object) -> logging.LogRecord:
    made = logging.LogRecord("kafka", logging.WARNING, __file__, 1, message, args, None)
    made.created, made.msecs = at_s, 0.0
    return made


def test_a_message_is_let_through_three_times_in_ten_seconds() -> None:
    throttle = Throttle()

    passed = [throttle.filter(record("broker %s is away", n / 100, n)) for n in range(500)]

    assert passed == [True] * 3 + [False] * 497


def test_the_next_line_says_how_many_were_held_back() -> None:
    throttle = Throttle()
    for n in range(500):
        throttle.filter(record("away", n / 100))

    later = record("away", 11.0)

    assert throttle.filter(later)
    assert KeyValueFormatter("bridge/main").format(later) == (
        "time=1970-01-01T00:00:11.000Z level=warning process=bridge/main logger=kafka "
        'message="away" held_back=497'
    )


def test_one_message_does_not_silence_another() -> None:
    throttle = Throttle()
    for n in range(500):
        throttle.filter(record("noise", n / 100))

    assert throttle.filter(record("signal", 5.0))


def test_a_message_stays_one_line_whatever_is_in_it() -> None:
    line = KeyValueFormatter("p").format(record('a "quoted"\nthing', 0.0))

    assert "\n" not in line
    assert line.endswith(r'message="a \"quoted\"\nthing"')


def test_a_line_ends_with_what_it_concerns() -> None:
    event = record("late", 0.0)
    event.__dict__ |= about(device="W-1", window=7, partition="pcg.audio/3", offset=9)
    line = KeyValueFormatter("p").format(event)
    assert line.endswith('message="late" device=W-1 window=7 partition=pcg.audio/3 offset=9')


def test_lines_are_objects_with_what_they_concern_where_the_environment_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setenv("HEARTWARD_LOG_FORMAT", "json")
    logs.configure("influx/w")
    logging.getLogger("x").warning("refused: %s", 'a "b"', extra={"device": "W-1", "window": 7})
    said = json.loads(capsys.readouterr().err)
    assert (
        said.items()
        >= {
            "process": "influx/w",
            "level": "warning",
            "message": 'refused: a "b"',
            "device": "W-1",
            "window": 7,
        }.items()
    )
