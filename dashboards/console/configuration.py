"""How the console works; where Kafka is says `KafkaConnection`."""

import os
import re
import socket
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

import msgspec
from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dashboards.console.lib.provided_roles import parsed

_DATABASES = ("postgresql", "postgres")
_MOST_SECRET_BYTES = 16 * 1024


def _own_name() -> str:
    host = re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:48]
    return f"console-{host}-{os.getpid()}"


def _own_folder() -> Path:
    """Where programs of a user keep their data, by the XDG base directory specification."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "heartward" / "console"


class ConsoleSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HEARTWARD_CONSOLE_", extra="ignore")
    title: ClassVar[str] = "Console"

    name: str = Field(
        default_factory=_own_name,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Name of this console, its own among all; by default host and process id.",
    )
    group: str = Field(
        "heartward-console",
        description="Consumer group; its consoles share the writing of the history.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    production: bool = Field(
        False, description="Refuse whatever is right on one machine only; browsers must use HTTPS."
    )
    names: str = Field(
        "127.0.0.1,localhost,[::1]",
        description="Host names under which browsers reach the console, comma between.",
    )
    fetch_wait_ms: int = Field(
        100, ge=10, le=2000, description="How long Kafka may wait for more before it answers."
    )
    behind_proxy: bool = Field(
        False, description="A proxy ends TLS and says so in X-Forwarded-Proto and -For."
    )
    folder: Path = Field(
        default_factory=_own_folder,
        description="Folder for the SQLite database, clips and recordings, and keys of its own.",
    )
    database_url: SecretStr | None = Field(
        None, description="postgresql://USER:PASSWORD@HOST:PORT/NAME; else SQLite in the folder."
    )
    database_url_file: Path | None = Field(None, description="File whose first line is that.")
    storage: str | None = Field(
        None,
        description="Django's storage for clips and recordings by its dotted name, such as "
        "storages.backends.s3.S3Storage; else the folder.",
    )
    storage_options: SecretStr | None = Field(None, description="Its options, a JSON object.")
    storage_options_file: Path | None = Field(None, description="File whose first line is that.")
    secret_key: SecretStr | None = Field(
        None, description="Signs sessions, 50 characters or more; else made in the folder."
    )
    secret_key_file: Path | None = Field(None, description="File whose first line is that.")
    identity_key: SecretStr | None = Field(
        None,
        description="Fernet keys that encrypt patients' identities, newest first, comma between; "
        "else made in the folder.",
    )
    identity_key_file: Path | None = Field(None, description="File whose first line is that.")
    login_user: str | None = Field(
        None, description="Made an administrator at start, with login_password."
    )
    login_password: SecretStr | None = Field(None, description="Password of login_user.")
    require_second_factor: bool = Field(
        False, description="Nobody gets in without a one-time code (TOTP)."
    )
    keep_windows_h: float = Field(
        48.0, ge=1.0, le=24 * 31, description="Hours for which every window's result is kept."
    )
    keep_history_days: float = Field(
        90.0,
        ge=1.0,
        description="Days for which minutes, alarms, clips, notes, labels and limits' history are "
        "kept, and identities of who has left. Uploaded recordings stay until "
        "`manage erase --older-than-days`.",
    )
    oidc_client_id: str | None = Field(None, description="Single sign-on: the console's name.")
    oidc_client_secret: SecretStr | None = Field(None, description="Single sign-on: its secret.")
    oidc_client_secret_file: Path | None = Field(None, description="File whose first line is that.")
    oidc_issuer: str | None = Field(
        None, description="The provider's name as its tokens say it (iss)."
    )
    oidc_authorization_url: str | None = Field(None, description="The provider's endpoint.")
    oidc_token_url: str | None = Field(None, description="The provider's endpoint.")
    oidc_user_url: str | None = Field(None, description="The provider's endpoint.")
    oidc_keys_url: str | None = Field(None, description="The provider's keys (JWKS).")
    oidc_logout_url: str | None = Field(
        None, description="Where the provider ends its own session; else only the console's ends."
    )
    oidc_scopes: str = Field(
        "openid profile", description="What is asked of the provider, space between."
    )
    oidc_roles_claim: str | None = Field(
        None,
        description="The provider's claim with roles, such as groups or realm_access.roles: at "
        "each login it decides the user's roles. Without it administrators grant them here.",
    )
    oidc_roles: str = Field(
        "",
        description="What its values mean: VALUE=ROLE for every ward or VALUE=ROLE@WARD, "
        "semicolon between.",
    )
    mail_host: str | None = Field(None, description="SMTP server for notifications by e-mail.")
    mail_port: int = Field(587, ge=1, le=65535, description="Port of the SMTP server.")
    mail_user: str | None = Field(None, description="User of the SMTP server.")
    mail_password: SecretStr | None = Field(None, description="Password of that user.")
    mail_password_file: Path | None = Field(None, description="File whose first line is that.")
    mail_tls: bool = Field(True, description="Speak STARTTLS with the SMTP server.")
    mail_from: str = Field("heartward@localhost", description="Sender of notifications.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        url = self.secret("database_url")
        if url is not None and urlsplit(url).scheme not in _DATABASES:
            raise ValueError("HEARTWARD_CONSOLE_DATABASE_URL is no postgresql://HOST/NAME")
        if self.production:
            self._check_production()
        if keys := self.secret("identity_key"):
            _check_fernet_keys(keys)
        if self.stored_options() and not self.storage:
            raise ValueError("HEARTWARD_CONSOLE_STORAGE is missing, whose options are given")
        oidc = ("issuer", "authorization_url", "token_url", "user_url", "keys_url")
        missing = [name for name in oidc if not getattr(self, f"oidc_{name}")]
        if self.oidc_client_id and missing:
            raise ValueError(f"HEARTWARD_CONSOLE_OIDC_{missing[0].upper()} is missing")
        self._check_provided_roles()
        return self

    def _check_provided_roles(self) -> None:
        """One without the other would grant nothing, or take from everybody what they have."""
        try:
            roles = parsed(self.oidc_roles)
        except ValueError as error:
            raise ValueError(f"HEARTWARD_CONSOLE_OIDC_ROLES: {error}") from None
        if bool(roles) != bool(self.oidc_roles_claim):
            missing = "ROLES" if self.oidc_roles_claim else "ROLES_CLAIM"
            raise ValueError(f"HEARTWARD_CONSOLE_OIDC_{missing} is missing")

    def _check_production(self) -> None:
        for name in ("secret_key", "identity_key"):
            if not self.secret(name):
                raise ValueError(
                    f"HEARTWARD_CONSOLE_{name.upper()} or its _FILE is missing: in production "
                    "no key is made in a folder"
                )

    def secret(self, field: str) -> str | None:
        """A secret in clear, from its setting or from the first line of its file."""
        given: SecretStr | None = getattr(self, field)
        file: Path | None = getattr(self, f"{field}_file", None)
        if given is not None and file is not None:
            raise ValueError(f"give {field} or {field}_file, not both")
        if file is None:
            return None if given is None else given.get_secret_value()
        try:
            with file.open("rb") as opened:
                line, _, _ = opened.read(_MOST_SECRET_BYTES).partition(b"\n")
        except OSError as error:
            raise ValueError(f"{field}_file {file} cannot be read: {error.strerror}") from None
        return line.decode().strip() or None

    def stored_options(self) -> dict[str, Any]:
        """Options of the storage; none where none are given."""
        try:
            options = self.secret("storage_options") or "{}"
            return msgspec.json.decode(options, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise ValueError("HEARTWARD_CONSOLE_STORAGE_OPTIONS is no JSON object") from None

    def oidc_logout_origins(self) -> list[str]:
        """Where a browser is sent on to when it logs out, if anywhere."""
        if not self.oidc_logout_url:
            return []
        parts = urlsplit(self.oidc_logout_url)
        return [f"{parts.scheme}://{parts.netloc}"]

    def database(self) -> dict[str, object]:
        """What Django wants to know of the database."""
        url = self.secret("database_url")
        if url is None:
            return _sqlite(self.folder / "console.sqlite3")
        parts = urlsplit(url)
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": parts.port or "",
            # Each request has a thread of its own, which would keep its connection and not use it.
            "CONN_MAX_AGE": 0,
        }


def _check_fernet_keys(keys: str) -> None:
    for number, key in enumerate(keys.split(","), 1):
        try:
            Fernet(key.strip())
        except ValueError:
            raise ValueError(
                f"HEARTWARD_CONSOLE_IDENTITY_KEY: key {number} is no Fernet key, "
                "32 bytes in URL-safe base64"
            ) from None


def _sqlite(file: Path) -> dict[str, object]:
    """Readers do not wait for the one writer, and writers wait for each other.

    What is deleted is overwritten: what was erased of a patient is in no free page of the file.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
            "PRAGMA secure_delete=ON;",
        },
    }
