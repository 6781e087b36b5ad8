"""Where the brokers and the database are, and how to prove who we are.

Each class reads the environment (``HEARTWARD_KAFKA_SERVERS`` and so on) or a file of the same
lines named by ``HEARTWARD_ENV_FILE``; a flag of the command line overrides both. Passwords and
tokens come from the environment or from a file, never from the command line.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import ConfigurationError


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

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("give password or password_file, not both")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        if not self.tls and (self.ca_file or self.cert_file):
            raise ValueError("certificates are given but tls is off")
        for name in ("password_file", "ca_file", "cert_file", "key_file"):
            path = getattr(self, name)
            if path is not None and not os.access(path, os.R_OK):
                raise ValueError(f"{name} {path} cannot be read")
        return self

    def secret(self) -> str | None:
        """The password in clear, for the client library alone."""
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").partition("\n")[0]
        return None if self.password is None else self.password.get_secret_value()

    def ssl_context(self) -> ssl.SSLContext | None:
        """A verifying TLS context, or None when TLS is off."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


class MqttConnection(_TlsConnection):
    model_config = SettingsConfigDict(env_prefix="HEARTWARD_MQTT_", extra="ignore")
    title: ClassVar[str] = "MQTT broker"

    host: str = Field("127.0.0.1", description="Address of the MQTT broker.")
    port: int = Field(1883, ge=1, le=65535, description="Port of the MQTT broker.")

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

    def secret(self) -> str:
        """The token in clear, for the client library alone."""
        if self.token_file is not None:
            return self.token_file.read_text(encoding="utf-8").partition("\n")[0]
        return "" if self.token is None else self.token.get_secret_value()


_Settings = TypeVar("_Settings", bound=BaseSettings)


def load(kind: type[_Settings], flags: Mapping[str, Any] | None = None) -> _Settings:
    """Read one class of settings: flags that are not None, then environment, then file.

    Raises
    ------
    ConfigurationError
        In one line, naming each setting that is wrong and why.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    env_file = os.environ.get("HEARTWARD_ENV_FILE")
    if env_file and not os.access(env_file, os.R_OK):
        raise ConfigurationError(f"HEARTWARD_ENV_FILE names {env_file}, which cannot be read")
    try:
        return kind(_env_file=env_file, **given)
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        problems = "; ".join(
            f"{prefix}{'_'.join(map(str, e['loc'])).upper()} {e['msg']}".strip()
            for e in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"settings are wrong: {problems}") from None
