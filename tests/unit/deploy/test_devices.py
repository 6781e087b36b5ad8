"""What is done to a wearable's password is told, also where the broker could not be."""

from base64 import b64decode
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.command_line import app
from deploy.devices import BrokerNotToldError, hashed

DEVICE = "W-1"


@pytest.fixture
def passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "passwords"
    monkeypatch.setenv("HEARTWARD_DEVICES_PASSWORDS", str(file))
    monkeypatch.setenv("HEARTWARD_DEVICES_AUDIT", str(tmp_path / "audit.jsonl"))
    return file


def is_let_in(file: Path, password: str) -> bool:
    (line,) = file.read_text().splitlines()
    user, _, kept = line.partition(":")
    _, _, _, salt, _ = kept.split("$")
    return (user, kept) == (DEVICE, hashed(password, salt=b64decode(salt)))


@pytest.mark.parametrize("command", ["add", "rotate"])
@pytest.mark.parametrize("reload", ["false", "no-such-program"])
def test_a_password_is_not_lost_because_the_broker_could_not_be_told(
    command: str, reload: str, passwords: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if command == "rotate":
        monkeypatch.setenv("HEARTWARD_DEVICES_RELOAD", "")
        CliRunner().invoke(app, ["devices", "add", DEVICE])
    monkeypatch.setenv("HEARTWARD_DEVICES_RELOAD", reload)
    told = CliRunner().invoke(app, ["devices", command, DEVICE])
    assert isinstance(told.exception, BrokerNotToldError)
    assert f"done, but the broker does not know it yet: {reload}" in str(told.exception)
    assert is_let_in(passwords, told.stdout.strip())
