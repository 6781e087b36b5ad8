"""Where the brokers and the database are, and how to prove who we are.

Each class reads the environment (``HEARTWARD_KAFKA_SERVERS`` and so on) or a file of the same
lines named by ``HEARTWARD_ENV_FILE``; a flag of the command line overrides both. Passwords and
tokens come from the environment or from a file, never from the command line. All that can be
known to be wrong without asking a server is refused here, when settings are loaded.
"""

import os
import re
import ssl
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar, get_args
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import ConfigurationError

MAX_SECRET_BYTES = 16 * 1024
MAX_PEM_BYTES = 4 * 1024 * 1024

_ENV_FILE = "HEARTWARD_ENV_FILE"
_HOST = re.compile(r"[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_MAX_SHOWN = 80


class _TlsConnection(BaseSettings):
    """User, password and certificates: the same for every server we speak to."""

    title: ClassVar[str]

    user: str | None = Field(None, description="User name, where the server asks for one.")
    password: SecretStr | None = Field(None, description="Password; or use password_file.")
    password_file: Path | None = Field(None, description="File whose first line is the password.")
    tls: bool = Field(False, description="Speak TLS and verify the server's certificate.")
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust.")
    cert_file: Path | None = Field(None, description="PEM file of this client's certificate.")
    key_file: Path | None = Field(None, description="PEM file of this client's private key.")

    _secret: SecretStr | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _check(self) -> Self:
        name = self._name
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError(f"{name('cert_file')} and {name('key_file')} belong together")
        if not self.tls and (self.ca_file or self.cert_file):
            raise ValueError(f"certificates are given but {name('tls')} is off")
        self._secret = _one_secret(self, "password")
        if self.ca_file is not None:
            _check_authorities(name("ca_file"), self.ca_file)
        if self.cert_file is not None and self.key_file is not None:
            _check_pem(name("cert_file"), self.cert_file)
            _check_pem(name("key_file"), self.key_file)
            try:
                self._load_own_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
            except (ssl.SSLError, ValueError):
                raise ValueError(
                    f"{name('cert_file')} {self.cert_file} and {name('key_file')} {self.key_file} "
                    "are no certificate in PEM form with its private key, not encrypted"
                ) from None
        return self

    def secret(self) -> str | None:
        """The password in clear, for the client library alone."""
        return None if self._secret is None else self._secret.get_secret_value()

    def ssl_context(self) -> ssl.SSLContext | None:
        """A verifying TLS context, or None when TLS is off."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.cert_file is not None:
            self._load_own_certificate(context)
        return context

    def _load_own_certificate(self, context: ssl.SSLContext) -> None:
        assert self.cert_file is not None  # noqa: S101 (whoever calls has looked)
        # Without a password of its own OpenSSL would ask for one at the terminal.
        context.load_cert_chain(self.cert_file, self.key_file, password="")

    def _name(self, field: str) -> str:
        return _setting(type(self), field)


class MqttConnection(_TlsConnection):
    model_config = SettingsConfigDict(env_prefix="HEARTWARD_MQTT_", extra="ignore")
    title: ClassVar[str] = "MQTT broker"

    host: str = Field("127.0.0.1", description="Address of the MQTT broker.")
    port: int = Field(1883, ge=1, le=65535, description="Port of the MQTT broker.")

    @field_validator("host")
    @classmethod
    def _check_host(cls, host: str) -> str:
        bare = host.strip()
        if not (_is_host(bare) or _is_host(f"[{bare}]")):
            raise ValueError("it is no name or address of a host, without scheme and port")
        return bare

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class KafkaConnection(_TlsConnection):
    model_config = SettingsConfigDict(env_prefix="HEARTWARD_KAFKA_", extra="ignore")
    title: ClassVar[str] = "Kafka"

    servers: str = Field("127.0.0.1:9092", description="Addresses HOST:PORT, comma between.")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How user and password are proved."
    )

    @field_validator("servers")
    @classmethod
    def _check_servers(cls, servers: str) -> str:
        addresses = [address.strip() for address in servers.split(",")]
        for address in addresses:
            host, _, port = address.rpartition(":")
            if not (_is_host(host) and re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536):
                raise ValueError(f"{address[:_MAX_SHOWN]!r} is not HOST:PORT, as kafka.ward:9092")
        return ",".join(addresses)

    @model_validator(mode="after")
    def _check_user(self) -> Self:
        if self.user and not self.secret():
            raise ValueError(
                f"{self._name('user')} {self.user!r} has no password: give "
                f"{self._name('password')} or {self._name('password_file')}"
            )
        if self.secret() and not self.user:
            raise ValueError(f"a password is given but no {self._name('user')}")
        return self

    @property
    def address(self) -> str:
        return self.servers

    @property
    def security_protocol(self) -> str:
        return ("SASL_" if self.user else "") + ("SSL" if self.tls else "PLAINTEXT")

    def confluent(self) -> dict[str, Any]:
        """Settings for confluent-kafka."""
        settings: dict[str, Any] = {
            "bootstrap.servers": self.servers,
            "security.protocol": self.security_protocol,
        }
        if self.user:
            settings |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.user,
                "sasl.password": self.secret() or "",
            }
        files = {
            "ssl.ca.location": self.ca_file,
            "ssl.certificate.location": self.cert_file,
            "ssl.key.location": self.key_file,
        }
        return settings | {name: str(path) for name, path in files.items() if path}

    def python_clients(self) -> dict[str, Any]:
        """Settings that kafka-python and aiokafka share."""
        settings: dict[str, Any] = {
            "bootstrap_servers": self.servers.split(","),
            "security_protocol": self.security_protocol,
        }
        if self.tls:
            settings["ssl_context"] = self.ssl_context()
        if self.user:
            settings |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.secret() or "",
            }
        return settings


class InfluxConnection(BaseSettings):
    """The writer runs only where `url` is given."""

    model_config = SettingsConfigDict(env_prefix="HEARTWARD_INFLUX_", extra="ignore")
    title: ClassVar[str] = "InfluxDB"

    url: str | None = Field(None, description="http(s)://HOST:PORT; without it nothing is written.")
    token: SecretStr | None = Field(None, description="API token; or use token_file.")
    token_file: Path | None = Field(None, description="File whose first line is the token.")
    org: str = Field("heartward", description="Organisation.")
    bucket: str = Field("heartward", description="Bucket for the results.")
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust.")

    _secret: SecretStr | None = PrivateAttr(None)

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if not url:  # as an empty line in a file of settings
            return None
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        known = url.startswith(("http://", "https://")) and url.isprintable()
        if not known or port == 0 or not (_is_host(host) or _is_host(f"[{host}]")):
            raise ValueError("it is no http(s)://HOST:PORT")
        return url

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._secret = _one_secret(self, "token")
        if self.ca_file is not None:
            _check_authorities(_setting(type(self), "ca_file"), self.ca_file)
        return self

    def secret(self) -> str:
        """The token in clear, for the client library alone."""
        return "" if self._secret is None else self._secret.get_secret_value()


def _is_host(text: str) -> bool:
    """Whether a resolver can be asked for it without an error of its own."""
    labels = text.removesuffix(".").split(".")
    return bool(_HOST.fullmatch(text)) and all(1 <= len(label) < 64 for label in labels)


def _setting(kind: type[BaseSettings], field: str) -> str:
    return f"{kind.model_config.get('env_prefix', '')}{field}".upper()


def _one_secret(settings: BaseSettings, field: str) -> SecretStr | None:
    """The secret, from its setting or from the first line of its file."""
    given: SecretStr | None = getattr(settings, field)
    file: Path | None = getattr(settings, f"{field}_file")
    name = _setting(type(settings), f"{field}_file")
    if file is None:
        return given
    if given is not None:
        raise ValueError(f"give {_setting(type(settings), field)} or {name}, not both")
    # A pipe is as good as a file, but can be read only once.
    line, _, _ = _read(name, file, MAX_SECRET_BYTES).partition(b"\n")
    try:
        secret = line.rstrip(b"\r").decode()
    except UnicodeDecodeError:
        raise ValueError(f"{name} {file} holds no text in UTF-8") from None
    if not secret or not secret.isprintable():
        raise ValueError(f"{name} {file} has no secret in its first line")
    return SecretStr(secret)


def _check_authorities(name: str, file: Path) -> None:
    _check_pem(name, file)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        raise ValueError(f"{name} {file} holds no certificate in PEM form") from None


def _check_pem(name: str, file: Path) -> None:
    """Refuse what OpenSSL would read without an end."""
    if file.exists() and not file.is_file():
        raise ValueError(f"{name} {file} is no file")
    _read(name, file, MAX_PEM_BYTES)


def _read(name: str, file: Path, most_bytes: int) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(most_bytes + 1)
    except OSError as error:
        raise ValueError(f"{name} {file} cannot be read: {error.strerror}") from None
    if len(data) > most_bytes:
        raise ValueError(f"{name} {file} is over {most_bytes} bytes")
    return data


_Settings = TypeVar("_Settings", bound=BaseSettings)


def load(kind: type[_Settings], flags: Mapping[str, Any] | None = None) -> _Settings:
    """Read one class of settings: flags that are not None, then environment, then file.

    Raises
    ------
    ConfigurationError
        In one line, naming each setting that is wrong and why.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    env_file = os.environ.get(_ENV_FILE)
    if env_file and not (Path(env_file).is_file() and os.access(env_file, os.R_OK)):
        raise ConfigurationError(f"{_ENV_FILE} names {env_file}, which cannot be read")
    try:
        _refuse_misspelt(kind, environment_and_file())
        return kind(_env_file=env_file, **given)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = "; ".join(_problem(kind, detail) for detail in details)
        raise ConfigurationError(f"settings are wrong: {problems}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{_ENV_FILE} names {env_file}, which holds no text in UTF-8"
        ) from None


def environment_and_file() -> dict[str, str]:
    """What `load` looks in, as one environment: what it says, then what the file says."""
    env_file = os.environ.get(_ENV_FILE)
    in_file = dotenv_values(env_file).items() if env_file else ()
    own = {name: value for name, value in os.environ.items() if name != _ENV_FILE}
    return {name: value for name, value in in_file if value is not None} | own


def _refuse_misspelt(kind: type[BaseSettings], names: Iterable[str]) -> None:
    """A name that almost is a setting: what it says would be ignored, TLS for one.

    Names unlike any are let through, for another part's settings may begin alike.
    """
    prefix = kind.model_config.get("env_prefix", "")
    known = [field.upper() for field in kind.model_fields]
    for name in names:
        given = name.upper().removeprefix(prefix)
        if not name.upper().startswith(prefix) or given in known:
            continue
        if near := get_close_matches(given, known, n=1):
            raise ConfigurationError(f"{name} is no setting: do you mean {prefix}{near[0]}?")


def _problem(kind: type[BaseSettings], detail: ErrorDetails) -> str:
    """One setting, its value and what is wrong with it; never a secret."""
    own_words = detail.get("ctx", {}).get("error")
    why = detail["msg"] if own_words is None else str(own_words)
    if not detail["loc"]:
        return why
    field = str(detail["loc"][0])
    where = _setting(kind, "_".join(map(str, detail["loc"])))
    if field not in kind.model_fields or is_secret(kind, field):
        return f"{where}: {why}"
    return f"{where} {str(detail['input'])[:_MAX_SHOWN]!r}: {why}"


def is_secret(kind: type[BaseSettings], field: str) -> bool:
    """Whether a setting must never be shown, nor be given on a command line."""
    annotation = kind.model_fields[field].annotation
    return SecretStr in (annotation, *get_args(annotation))
