"""How the InfluxDB writer works; where the database is says `InfluxConnection`."""

from typing import ClassVar

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class InfluxSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HEARTWARD_INFLUX_", extra="ignore")
    title: ClassVar[str] = "InfluxDB writer"

    name: str = Field(
        "influx",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Name of this writer, its own among all writers of the group.",
    )
    group: str = Field(
        "heartward-influx",
        description="Consumer group; its writers share the load, another group writes all again.",
    )
    batch_results: int = Field(
        250, ge=1, le=10_000, description="Results that are written together at most."
    )
    batch_points: int = Field(500, ge=1, le=10_000, description="Points in one request at most.")
    batch_s: float = Field(
        1.0, ge=0.05, le=10.0, description="How long a result waits for others, in seconds."
    )
