"""How an audio worker works; where Kafka is says `KafkaConnection`."""

import os
import re
import socket
from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.registry import ARTIFACTS


def own_name(kind: str) -> str:
    """Tells workers apart without anybody naming them, on one machine and on many."""
    host = re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:48]
    return f"{kind}-{host}-{os.getpid()}"


class WorkerSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HEARTWARD_WORKER_", extra="ignore")
    title: ClassVar[str] = "Audio worker"

    name: str = Field(
        default_factory=partial(own_name, "worker"),
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Name of this worker, its own among all; by default host and process id.",
    )
    group: str = Field(
        "heartward-audio",
        description="Consumer group; its workers share the devices.",
    )
    session_timeout_s: float = Field(
        6.0,
        ge=6.0,
        le=300.0,
        description="After how many seconds of silence the others take over a worker's devices.",
    )
    fetch_every_s: float = Field(
        0.05, ge=0.005, le=1.0, description="Seconds between two questions to Kafka for sound."
    )
    commit_every_s: float = Field(
        1.0, ge=0.1, le=30.0, description="Seconds between commits; a crash repeats so much."
    )
    heart: bool = Field(
        default=False,
        description="Whether heart rate, S1 and S2 are told: without it no fast or slow heart "
        "alarms. What ships for Compose, Kubernetes and systemd, demo and up set it; it adds half "
        "to the cost of a window, and the README's capacity is without.",
    )
    batch_windows: int = Field(
        64, ge=1, le=1024, description="Windows that are classified together at most."
    )
    batch_wait_s: float = Field(
        0.02,
        ge=0.0,
        le=1.0,
        description="How long a window waits for others, in seconds; longer under load.",
    )
    models_dir: Path = Field(
        ARTIFACTS, description="Folder with the models and the manifest of their checksums."
    )
