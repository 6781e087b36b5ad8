"""Wearables of a Mosquitto: a password for each, and a line for everything that was done.

A device's user name is its id, and the broker's rules hold every user to its own topics
(`deploy/mosquitto/acl`), so the password file is all that there is to change.
"""

import fcntl
import getpass
import hashlib
import json
import os
import secrets
import shlex
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.chunk import is_device_id
from models.errors import UserError

Action = Literal["add", "rotate", "revoke"]

_SALT_BYTES, _HASH_BYTES = 12, 64
# The passwords are random, 256 bits: there is nothing for a slow hash to slow down.
_ITERATIONS = 101
_PASSWORD_BYTES = 32
_RELOAD_S = 30.0


class ProvisioningSettings(BaseSettings):
    """Where the broker keeps its passwords, and how it is told to read them again."""

    model_config = SettingsConfigDict(env_prefix="HEARTWARD_DEVICES_", extra="ignore")
    title: ClassVar[str] = "Provisioning"

    passwords: Path = Field(
        Path("/etc/mosquitto/heartward/passwords"), description="The broker's password file."
    )
    audit: Path = Field(
        Path("/var/log/heartward/devices.jsonl"),
        description="File to which a line is added for everything that is done.",
    )
    reload: str = Field(
        "systemctl reload mosquitto",
        description="Command that makes the broker read the file again; empty for none.",
    )


class BrokerNotToldError(UserError):
    """Done, but the broker has not read it; `password` is a device's new one all the same."""

    def __init__(self, why: str, password: str | None) -> None:
        super().__init__(f"done, but the broker does not know it yet: {why}")
        self.password = password


def change(settings: ProvisioningSettings, device_id: str, action: Action) -> str | None:
    """Add a device, give it another password, or take it away; returns the new password.

    The broker closes the connection of a device that it no longer lets in as soon as it has read
    the file again.

    Raises
    ------
    UserError
        In one line, when the device is there already or is not, or a file cannot be written.
    BrokerNotToldError
        When that is all done and the broker could not be told.
    """
    if not is_device_id(device_id):
        raise UserError(f"{device_id!r} is no device id: 1 to 64 characters from A-Z a-z 0-9 _ -")
    password = None if action == "revoke" else secrets.token_urlsafe(_PASSWORD_BYTES)
    try:
        with _locked(settings.passwords) as known:
            _require(known, device_id, action, settings.passwords)
            # What cannot be noted down is not done.
            _note(settings.audit, device_id, action)
            known.pop(device_id, None)
            if password is not None:
                known[device_id] = hashed(password, salt=secrets.token_bytes(_SALT_BYTES))
    except OSError as error:
        raise UserError(f"{error.filename} cannot be used: {error.strerror}") from None
    why = _reload(settings.reload)
    if why is not None:
        raise BrokerNotToldError(f"{settings.reload}: {why}", password)
    return password


def devices(settings: ProvisioningSettings) -> list[str]:
    """Every device that has a password; users that are no device have a full stop in their name.

    Raises
    ------
    UserError
        When the file cannot be read.
    """
    if not settings.passwords.exists():
        raise UserError(f"{settings.passwords} is not there: HEARTWARD_DEVICES_PASSWORDS names it")
    try:
        return sorted(filter(is_device_id, _read(settings.passwords)))
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}") from None


def hashed(password: str, *, salt: bytes) -> str:
    """A password as Mosquitto's own tool writes it: PBKDF2 with SHA-512."""
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS, _HASH_BYTES)
    return f"$7${_ITERATIONS}${b64encode(salt).decode()}${b64encode(key).decode()}"


def _require(known: dict[str, str], device_id: str, action: Action, file: Path) -> None:
    if action == "add" and device_id in known:
        raise UserError(f"{device_id} is in {file} already: rotate gives it another password")
    if action != "add" and device_id not in known:
        raise UserError(f"{device_id} is not in {file}: add it first")


@contextmanager
def _locked(file: Path) -> Iterator[dict[str, str]]:
    """The file's users while nobody else changes it; written whole, or not at all."""
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        users = _read(file)
        before = dict(users)
        yield users
        if users != before:
            _write(file, users)


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    lines = (line.partition(":") for line in file.read_text().splitlines() if line.strip())
    return {user: kept for user, _, kept in lines}


def _write(file: Path, users: dict[str, str]) -> None:
    """In the place of the old one, with its owner, since the broker must be able to read it."""
    partial = file.with_name(f"{file.name}.part")
    partial.touch(mode=0o600)
    with partial.open("w") as opened:
        opened.writelines(f"{user}:{kept}\n" for user, kept in users.items())
        opened.flush()
        os.fsync(opened.fileno())
    if file.exists():
        old = file.stat()
        os.chown(partial, old.st_uid, old.st_gid)
        partial.chmod(old.st_mode & 0o777)
    partial.replace(file)


def _note(audit: Path, device_id: str, action: Action) -> None:
    audit.parent.mkdir(parents=True, exist_ok=True)
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "who": os.environ.get("SUDO_USER") or getpass.getuser(),
        "action": action,
        "device": device_id,
    }
    with audit.open("a") as opened:
        opened.write(json.dumps(entry) + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def _reload(command: str) -> str | None:
    """Have the broker read its file, and return why that failed, if it did."""
    if not command:
        return None
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, timeout=_RELOAD_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stderr or done.stdout).strip().partition("\n")[0] if done.returncode else None
