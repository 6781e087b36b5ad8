"""A Kafka that cannot be read is one line, also where it was there a moment ago."""

import pytest

from dashboards.terminal import feed
from dashboards.terminal.feed import Feed
from deploy.embedded import free_port
from ingest.connections import KafkaConnection, load
from models.errors import UserError


def test_a_kafka_that_is_gone_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_METADATA_TIMEOUT_S", 0.2)
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(UserError, match=rf"Kafka {address} does not say .*: look at its log"):
        Feed(load(KafkaConnection, {"servers": address}), from_beginning=True)
