"""Alarms in words for people."""

import pytest

from dashboards.console.live.words import cause_in_words


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("HR 134 > 120", "HR 134 > 120"),
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
