"""Every server that the tests rely on starts, dies and comes back on the same port.

The failure tests kill the slow ones among them.
"""

from pathlib import Path

import pytest

from tests.servers import ApacheKafka, EmbeddedKafka, EmbeddedMqtt, InfluxDb, Mosquitto, Server


@pytest.mark.parametrize(
    "kind",
    [
        EmbeddedMqtt,
        EmbeddedKafka,
        Mosquitto,
        pytest.param(ApacheKafka, marks=pytest.mark.slow),
        pytest.param(InfluxDb, marks=pytest.mark.slow),
    ],
)
def test_comes_back_after_a_kill(kind: type[Server], tmp_path: Path) -> None:
    server = kind(tmp_path).start()
    first = server.pid
    server.kill()
    server.start()
    try:
        assert server.pid != first
    finally:
        server.stop()
