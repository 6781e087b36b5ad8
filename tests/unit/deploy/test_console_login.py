"""Where the console listens, who gets in, and what is said of it."""

import socket

import pytest

from deploy import console_login
from deploy.console_login import demonstration_login, own_login, said
from deploy.embedded import free_port
from models.errors import UserError


def test_every_demonstration_has_a_new_password() -> None:
    first, second = demonstration_login(None), demonstration_login(None)
    assert first is not None
    assert second is not None
    assert first.password != second.password
    assert said(first) == f"Console: {first.address} user demo password {first.password}"


def test_a_port_that_is_in_use_is_refused_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} .* --port"):
            demonstration_login(port)


def test_a_ward_of_ones_own_listens_where_the_consoles_settings_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("HEARTWARD_CONSOLE_PORT", str(port))
        with pytest.raises(UserError, match=rf"port {port} .* HEARTWARD_CONSOLE_PORT"):
            own_login(None)
    login = own_login(None)
    assert login is not None
    assert login.port == port
    asked_otherwise = own_login(free_port())
    assert asked_otherwise is not None
    assert asked_otherwise.port != port


def test_without_its_libraries_the_ward_runs_without_a_console(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(console_login, "is_installed", lambda: False)
    assert demonstration_login(None) is None
    assert own_login(None) is None
    assert "pip install" in said(None)


def test_a_ward_of_ones_own_gets_no_login_made() -> None:
    login = own_login(None)
    assert login is not None
    assert set(login.environment()) == {"HEARTWARD_CONSOLE_HOST", "HEARTWARD_CONSOLE_PORT"}
    assert said(login) == f"Console: {login.address}"
