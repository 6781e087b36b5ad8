"""A process ends with a code, one line for what went wrong, and without a last look at itself."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from models.errors import UserError
from models.processes import exit_code

_WITH_A_CYCLE = """
from models.processes import exit_code

class Loop:
    def __init__(self):
        self.itself = self

    def __del__(self):
        print("looked through")

{last_line}
"""


@pytest.fixture(autouse=True)
def _go_on_collecting() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_a_run_that_goes_well_is_0() -> None:
    assert exit_code(lambda: None) == 0


def test_what_went_wrong_is_1_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def run() -> None:
        raise UserError("the broker is away: start it")

    assert exit_code(run) == 1
    assert capsys.readouterr().err == "the broker is away: start it\n"


@pytest.mark.parametrize(
    ("last_line", "said"), [("Loop()", "looked through\n"), ("exit_code(Loop)", "")]
)
def test_at_the_end_nothing_is_looked_through_again(last_line: str, said: str) -> None:
    source = _WITH_A_CYCLE.format(last_line=last_line)
    ended = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == said
