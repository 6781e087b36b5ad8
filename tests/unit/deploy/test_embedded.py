"""The embedded brokers say in one line why they do not start."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import embedded
from models.errors import UserError


@pytest.mark.parametrize(
    "arguments", [[], ["mqtt"], ["amqp", "1"], ["kafka", "many"], ["kafka", "70000"], ["mqtt", "0"]]
)
def test_a_wrong_call_is_told_the_right_one(arguments: list[str]) -> None:
    with pytest.raises(UserError, match=r"^usage: python -m deploy\.embedded mqtt\|kafka PORT"):
        embedded.main(arguments)


@pytest.mark.parametrize("broker", ["mqtt", "kafka"])
def test_a_port_in_use_ends_the_broker_before_it_begins(broker: str) -> None:
    with socket.socket() as holder:
        holder.bind((embedded.LOOPBACK, 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "deploy.embedded", broker, port],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    said = f"port {port} of 127.0.0.1 cannot be used (Address already in use): give another"
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == 1


def test_a_home_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "no-folder"
    home.touch()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("CALF_TANSU_BIN", raising=False)
    with pytest.raises(UserError, match="name a folder that can be written in HOME"):
        embedded.run_kafka(embedded.free_port())
