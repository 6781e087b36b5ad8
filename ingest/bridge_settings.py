"""How one bridge works, from the environment."""

import re
from typing import Annotated, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ingest.mqtt_source import ANY_GROUP

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class BridgeSettings(BaseSettings):
    """How one bridge works; several share the load by topic group."""

    model_config = SettingsConfigDict(env_prefix="HEARTWARD_BRIDGE_", extra="ignore")
    title: ClassVar[str] = "bridge"

    name: str = Field(
        "main",
        pattern=f"^{_NAME.pattern}$",
        description="Name of this bridge, its own among all bridges: the broker keeps its "
        "messages under this name while the bridge is away.",
    )
    groups: Annotated[tuple[str, ...], NoDecode] = Field(
        (ANY_GROUP,),
        min_length=1,
        description="Topic groups that this bridge serves, comma between; + means all. No two "
        "bridges may serve the same group.",
    )
    max_in_flight: int = Field(
        1000,
        ge=10,
        le=65535,
        description="Messages that the broker sends ahead of Kafka's confirmation (MQTT 5 "
        "Receive Maximum).",
    )
    session_expiry_s: int = Field(
        86_400,
        ge=60,
        le=2**32 - 1,
        description="How long the broker keeps the session and its messages for a bridge that "
        "is away, in seconds.",
    )
    ack_every_s: float = Field(
        2.0,
        ge=0.1,
        le=5.0,
        description="How long after a chunk its device is told what is stored, in seconds.",
    )
    max_devices: int = Field(
        20_000,
        ge=1,
        description="Devices remembered at most; those silent for longest are forgotten first.",
    )
    linger_ms: float = Field(
        1.0, ge=0.0, le=1000.0, description="How long chunks wait to share a Kafka batch, in ms."
    )

    @field_validator("groups", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value

    @field_validator("groups")
    @classmethod
    def _check(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        for group in groups:
            if group != ANY_GROUP and not _NAME.fullmatch(group):
                raise ValueError(f"group {group!r} is not 1 to 64 characters from A-Z a-z 0-9 _ -")
        if ANY_GROUP in groups and len(groups) > 1:
            raise ValueError("+ means all groups and stands alone")
        return groups
