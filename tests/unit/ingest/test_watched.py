"""Who watches a process learns whether it is alive and ready, and its numbers."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from deploy.embedded import free_port
from ingest.connections import load
from ingest.watched import Watch, WatchSettings
from models.errors import UserError
from stream_processors.records import END_TO_END_AIM_MS, Heartbeat

BEAT = Heartbeat(
    process="worker",
    kind="audio",
    instance="w-1",
    pid=1,
    at_us=5_000_000,
    started_us=2_000_000,
    lag={"pcg.audio/0": 7},
    counters={"results": 42},
)


class Watched:
    """A process with a clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.watch = Watch(lambda: self.now_s)
        settings = load(WatchSettings, {"port": free_port()})
        server = self.watch.listen(settings)
        assert server is not None
        self.server = server
        self.url = f"http://127.0.0.1:{settings.port}"

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def process() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.server.shutdown()
    watched.server.server_close()


def test_a_process_is_ready_with_its_first_heartbeat(process: Watched) -> None:
    assert process.ask("/healthz")[0] == 200
    assert process.ask("/readyz")[0] == 503
    process.watch.beat(BEAT)
    assert process.ask("/readyz") == (200, "ready\n")


def test_without_kafka_it_is_alive_and_not_ready(process: Watched) -> None:
    process.watch.beat(BEAT)
    process.now_s += 11
    process.watch.alive()
    assert process.ask("/healthz")[0] == 200
    assert process.ask("/readyz")[0] == 503


def test_a_loop_that_stands_still_is_not_alive(process: Watched) -> None:
    process.now_s += 11
    assert process.ask("/healthz") == (503, "its loop stands still\n")


def test_the_numbers_are_those_of_the_heartbeat_and_of_the_stages(process: Watched) -> None:
    process.watch.beat(BEAT)
    process.watch.stages_ms((5.0, 20.0, 30.0, 40.0, 90.0))
    process.watch.alarm_ms(12.5)
    status, text = process.ask("/metrics")
    assert status == 200
    lines = set(text.splitlines())
    lag = 'heartward_lag_records{instance="w-1",partition="pcg.audio/0",process="audio"} 7.0'
    assert lag in lines
    assert "heartward_results 42.0" in lines
    assert "heartward_ready 1.0" in lines
    assert 'heartward_stage_milliseconds_sum{stage="end_to_end"} 90.0' in lines
    assert "heartward_alarm_milliseconds_sum 12.5" in lines
    for bound in (100.0, END_TO_END_AIM_MS):  # so that the share within the aim can be told
        assert (
            f'heartward_stage_milliseconds_bucket{{le="{bound}",stage="end_to_end"}} 1.0' in lines
        )


def test_without_a_port_nothing_listens() -> None:
    assert Watch().listen(load(WatchSettings)) is None


def test_a_port_in_use_is_told_in_one_line(process: Watched) -> None:
    with pytest.raises(UserError, match="HEARTWARD_WATCH_PORT"):
        Watch().listen(load(WatchSettings, {"port": process.server.server_port}))
