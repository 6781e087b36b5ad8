"""How an alarm worker works; where Kafka is says `KafkaConnection`."""

from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from stream_processors.settings import own_name


class AlarmSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HEARTWARD_ALARMS_", extra="ignore")
    title: ClassVar[str] = "Alarm worker"

    name: str = Field(
        default_factory=partial(own_name, "alarms"),
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Name of this worker, its own among all; by default host and process id.",
    )
    group: str = Field(
        "heartward-alarms",
        description="Consumer group; its workers share the devices.",
    )
    limits: Path | None = Field(
        None, description="TOML file of the wards' limits; without it those built in hold."
    )
    session_timeout_s: float = Field(
        6.0,
        ge=6.0,
        le=300.0,
        description="After how many seconds of silence the others take over a worker's devices.",
    )
    fetch_every_s: float = Field(
        0.05, ge=0.005, le=1.0, description="Seconds between two questions to Kafka for results."
    )
    commit_every_s: float = Field(1.0, ge=0.1, le=30.0, description="Seconds between commits.")
    checkpoint_s: float = Field(
        5.0,
        ge=0.2,
        le=60.0,
        description="Seconds between two writes of what changed without an alarm; a crash "
        "repeats so much.",
    )
    tick_s: float = Field(
        0.5, ge=0.05, le=5.0, description="Seconds between two looks at the timers."
    )
