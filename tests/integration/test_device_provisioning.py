"""Wearables are let in, get another password, and are cut off: on a real Mosquitto."""

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import mqtt5
import pytest

from deploy.devices import Action, ProvisioningSettings, change, devices
from ingest.connections import load
from models.errors import UserError
from tests.integration.secured_mosquitto import SecuredMosquitto

_BRIDGE = {"heartward.bridge": "of-the-bridge"}


class Provisioned:
    """A broker and the settings with which its devices are provisioned."""

    def __init__(self, folder: Path) -> None:
        self.broker = SecuredMosquitto(folder / "mosquitto", _BRIDGE)
        self.broker.start()
        self._open: list[ssl.SSLSocket] = []
        self.settings = ProvisioningSettings(
            passwords=self.broker.folder / "passwords",
            audit=folder / "audit" / "devices.jsonl",
            reload=f"kill -HUP {self.broker.pid}",
        )

    def connect(self, user: str | None, password: str | None) -> tuple[ssl.SSLSocket, int]:
        """A connection, and the broker's answer to it: 0 for yes."""
        plain = socket.create_connection(("127.0.0.1", self.broker.device_port), 10)
        context = ssl.create_default_context(cafile=self.broker.ca_file)
        wrapped = context.wrap_socket(plain, server_hostname="localhost")
        self._open.append(wrapped)
        hello = mqtt5.ConnectPacket(
            user or "nobody",
            username=user,
            password=None if password is None else password.encode(),
            clean_start=True,
            keep_alive=30,
        )
        wrapped.sendall(hello.write())
        answer = mqtt5.read(memoryview(wrapped.recv(4096)))[0]
        assert isinstance(answer, mqtt5.ConnAckPacket)
        return wrapped, int(answer.reason_code)

    def end(self) -> None:
        for connection in self._open:
            connection.close()
        self.broker.stop()


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Provisioned]:
    made = Provisioned(tmp_path)
    yield made
    made.end()


def is_cut_off(connection: ssl.SSLSocket) -> bool:
    """Whether the broker closes it within some seconds, with or without a word."""
    connection.settimeout(10)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_a_device_that_was_added_is_let_in_and_nobody_else(ward: Provisioned) -> None:
    assert ward.connect("W-1", "guess")[1] != 0
    password = change(ward.settings, "W-1", "add")
    _, answer = ward.connect("W-1", password)
    assert answer == 0
    for user, given in (("W-1", "guess"), ("W-2", password), (None, None)):
        assert ward.connect(user, given)[1] != 0
    assert devices(ward.settings) == ["W-1"]


def test_with_another_password_the_old_one_is_cut_off(ward: Provisioned) -> None:
    old = change(ward.settings, "W-1", "add")
    connection, _ = ward.connect("W-1", old)
    new = change(ward.settings, "W-1", "rotate")
    assert new != old
    assert is_cut_off(connection)
    assert ward.connect("W-1", old)[1] != 0
    assert ward.connect("W-1", new)[1] == 0


def test_a_revoked_device_is_cut_off_and_its_neighbour_is_not(ward: Provisioned) -> None:
    gone, stays = (change(ward.settings, name, "add") for name in ("W-1", "W-2"))
    connection, _ = ward.connect("W-1", gone)
    neighbour, _ = ward.connect("W-2", stays)
    assert change(ward.settings, "W-1", "revoke") is None
    assert is_cut_off(connection)
    assert ward.connect("W-1", gone)[1] != 0
    neighbour.sendall(mqtt5.PingReqPacket().write())
    neighbour.settimeout(10)
    assert isinstance(mqtt5.read(memoryview(neighbour.recv(64)))[0], mqtt5.PingRespPacket)


def test_everything_that_is_done_is_written_down(ward: Provisioned) -> None:
    for action in get_args(Action):
        change(ward.settings, "W-1", action)
    lines = [json.loads(line) for line in ward.settings.audit.read_text().splitlines()]
    assert [(line["action"], line["device"]) for line in lines] == [
        ("add", "W-1"),
        ("rotate", "W-1"),
        ("revoke", "W-1"),
    ]
    assert all(line["who"] and line["at"].endswith("+00:00") for line in lines)
    assert "$7$" not in ward.settings.audit.read_text()


@pytest.mark.parametrize(
    ("device", "action", "said"),
    [
        ("W-9", "rotate", "not in"),
        ("W-9", "revoke", "not in"),
        ("heartward.bridge", "revoke", "no device id"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_done(
    ward: Provisioned, device: str, action: Action, said: str
) -> None:
    before = ward.settings.passwords.read_text()
    with pytest.raises(UserError, match=said):
        change(ward.settings, device, action)
    assert ward.settings.passwords.read_text() == before
    assert not ward.settings.audit.exists()


def test_a_password_file_that_is_not_there_is_no_empty_ward(tmp_path: Path) -> None:
    elsewhere = load(ProvisioningSettings, {"passwords": tmp_path / "elsewhere"})
    with pytest.raises(UserError, match="is not there: HEARTWARD_DEVICES_PASSWORDS"):
        devices(elsewhere)


def test_nothing_is_done_that_cannot_be_written_down(ward: Provisioned, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    unwritable = ward.settings.model_copy(update={"audit": tmp_path / "file" / "audit"})
    with pytest.raises(UserError, match="cannot be used"):
        change(unwritable, "W-1", "add")
    assert devices(ward.settings) == []
