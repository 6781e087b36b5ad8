"""A recorded period, replayed on another Kafka, makes the same results."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.exchange.forms import Format
from deploy.exchange.period import compare, described, record, replay
from ingest.connections import KafkaConnection, load
from models.errors import UserError
from stream_processors.topic_admin import apply_topics
from tests.chaos.harness import Ward, load_on
from tests.processes import Part
from tests.servers import EmbeddedKafka, EmbeddedMqtt
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Some twenty seconds of some devices, in both forms, and a part out of the middle."""
    folder = tmp_path_factory.mktemp("ward")
    ward = Ward(
        folder,
        mqtt=EmbeddedMqtt(folder / "mqtt"),
        kafka=EmbeddedKafka(folder / "kafka"),
        database=None,
    )
    try:
        ward.start(workers=1)
        with load_on(ward, devices=8) as running:
            until(lambda: len(ward.published("")) >= 60, "sixty results", timeout_s=90)
            running.end()
        forms: tuple[Format, ...] = ("flac", "wfdb")
        for form in forms:
            record(ward.connection, folder / form, from_us=0, until_us=2**62, form=form)
        times = sorted(published_us for published_us, _ in ward.published(""))
        inner = {"from_us": times[len(times) // 2], "until_us": times[-len(times) // 10]}
        record(ward.connection, folder / "middle", **inner, form="flac")
        yield {name: folder / name for name in (*forms, "middle")}
    finally:
        ward.stop()


@pytest.mark.parametrize("kept", ["flac", "middle", pytest.param("wfdb", marks=pytest.mark.slow)])
def test_a_replay_makes_the_same_results(
    recorded: dict[str, Path], kept: str, tmp_path: Path
) -> None:
    period = described(recorded[kept])
    assert period.results >= 16
    assert period.unreadable == 0
    kafka = EmbeddedKafka(tmp_path / "kafka").start()
    worker = Part(
        "worker",
        "stream_processors.app",
        {"HEARTWARD_KAFKA_SERVERS": kafka.address},
        folder=tmp_path,
    )
    try:
        connection = load(KafkaConnection, {"servers": kafka.address})
        apply_topics(connection, partitions=2)
        replay(connection, recorded[kept])
        worker.start()
        until(lambda: compare(connection, recorded[kept]).missing == 0, "all results", timeout_s=90)
        found = compare(connection, recorded[kept])
    finally:
        worker.kill()
        kafka.kill()
    assert found == (period.results, 0, 0, 0)


def test_a_folder_that_is_in_use_is_not_written_over(recorded: dict[str, Path]) -> None:
    nowhere = load(KafkaConnection, {"servers": "127.0.0.1:1"})
    with pytest.raises(UserError, match="not empty"):
        record(nowhere, recorded["flac"], from_us=0, until_us=1, form="flac")


def test_a_folder_without_a_period_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no recorded period"):
        described(tmp_path)
