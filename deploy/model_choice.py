"""Which models the ward's workers run, as long as no console says it."""

import time
from typing import Literal, get_args

from ingest.connections import KafkaConnection
from ingest.kafka_sink import ConfluentSink
from models.contract import PIPELINE_FILTER, PIPELINE_GRID
from models.errors import UserError
from models.predictor import Predictor
from stream_processors.records import ModelChoice, encode
from stream_processors.running_models import key_of
from stream_processors.topics import MODELS

Role = Literal["active", "shadow", "off"]

_FLUSH_S = 10.0


def role_named(text: str) -> Role:
    """One of the roles; raises `UserError` for another word."""
    for role in get_args(Role):
        if text == role:
            known: Role = role
            return known
    raise UserError(f"--role {text!r} is not one of {', '.join(get_args(Role))}")


def chosen(model: Predictor, role: Role) -> ModelChoice:
    """What to say of a model; raises `ModelError` for one that the ward's windows do not fit."""
    contract = model.contract
    contract.require_fit(PIPELINE_GRID, PIPELINE_FILTER)
    return ModelChoice(task=contract.task, model=contract.name, version=contract.version, role=role)


def write(key: str, choice: ModelChoice | None, kafka: KafkaConnection) -> None:
    """Put it on its topic, None to take it back; raises `UserError` when Kafka does not take it."""
    sink = ConfluentSink(kafka, client_id="heartward-models")
    sink.require([MODELS.name])
    value = None if choice is None else encode(choice)
    sink.produce(MODELS.name, key.encode(), value, timestamp_ms=time.time_ns() // 1_000_000)
    unsent = sink.flush(_FLUSH_S)
    sink.close()
    if unsent:
        raise UserError(
            f"Kafka {kafka.address} took no choice within {_FLUSH_S:.0f} s: look at its log"
        )


def choose(model: Predictor, role: Role, kafka: KafkaConnection) -> str:
    """Tell every worker to run a model so; returns what will happen, in words.

    A model that was tried in shadow and is chosen to be active leaves the shadow by that.
    """
    choice = chosen(model, role)
    write(key_of(choice), choice, kafka)
    if role != "shadow":
        write(
            key_of(ModelChoice(task=choice.task, model="", version="", role="shadow")), None, kafka
        )
    named = f"{choice.model} {choice.version}"
    return {
        "active": f"{named} runs for {choice.task} from now on, and none in shadow",
        "shadow": f"{named} runs in shadow beside the model of {choice.task}: it raises no alarm",
        "off": f"no model runs for {choice.task}",
    }[role]
