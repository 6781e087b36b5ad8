"""Alarms in words for people."""

import pytest

from dashboards.console.live.words import cause_in_words
from dashboards.console.ward.templatetags.moments import moment


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("HR 134 > 120", "HR 134 > 120"),
        ("screen abnormal 0.88 >= 0.78", "screen abnormal 0.88 ≥ 0.78"),
        ("nobody has answered: nobody has answered: HR 134 > 120", "HR 134 > 120"),
        ("over, not yet seen: over, not yet seen: no heart sound", "no heart sound"),
        ("still so after the shelf: still so: HR 39 < 50", "HR 39 < 50"),
        (
            "no contact: no signal for 86 % of the time",
            "no contact: no signal for 86 % of the time",
        ),
    ],
)
def test_a_cause_is_told_without_what_became_of_the_alarm(cause: str, words: str) -> None:
    assert cause_in_words(cause) == words


def test_a_time_says_that_it_is_utc_where_no_script_tells_it_otherwise() -> None:
    assert moment(1_795_309_445_172_019) == (
        '<time datetime="2026-11-22T01:04:05.172019+00:00">2026-11-22 01:04:05 UTC</time>'
    )
    assert moment(None) == moment(0) == ""
