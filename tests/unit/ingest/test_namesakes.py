"""Of two bridges of one name the later goes; a predecessor that is gone keeps nobody from work."""

import pytest

from ingest.namesakes import Namesakes
from models.errors import UserError
from stream_processors.records import Heartbeat


def _beat(at_us: int, *, started_us: int = 10, pid: int = 1, name: str = "main") -> Heartbeat:
    return Heartbeat(
        process="bridge",
        kind="bridge",
        instance=name,
        pid=pid,
        at_us=at_us,
        started_us=started_us,
        counters={},
    )


def test_one_that_runs_for_longer_and_goes_on_is_told_in_one_line() -> None:
    later = Namesakes("main", started_us=20, pid=2)
    later.take(_beat(30))
    with pytest.raises(UserError, match=r"another bridge named main runs already \(process 1\)"):
        later.take(_beat(32))


@pytest.mark.parametrize(
    "beats",
    [
        pytest.param([_beat(30), _beat(30)], id="the last word of one that is gone, repeated"),
        pytest.param([_beat(30, started_us=25), _beat(32, started_us=25)], id="one that is later"),
        pytest.param([_beat(30, name="b"), _beat(32, name="b")], id="one of another name"),
        pytest.param([_beat(t, started_us=20, pid=2) for t in (30, 32)], id="its own"),
        pytest.param([_beat(30, pid=3), _beat(32, started_us=11, pid=4)], id="two that are gone"),
    ],
)
def test_nobody_else_is_taken_for_one(beats: list[Heartbeat]) -> None:
    own = Namesakes("main", started_us=20, pid=2)
    for beat in beats:
        own.take(beat)


@pytest.mark.parametrize("pid", [1, 2])
def test_of_two_that_began_at_once_exactly_one_goes(pid: int) -> None:
    own = Namesakes("main", started_us=10, pid=pid)
    goes = False
    try:
        for at_us in (30, 32):
            own.take(_beat(at_us, pid=3 - pid))
    except UserError:
        goes = True
    assert goes is (pid == 2)
