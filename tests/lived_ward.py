"""A ward that has lived for half a minute: sound, alarms, an answer, a candidate in shadow."""

import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import onnx

from deploy.assignments import demonstration_ward
from deploy.assignments import write as assign
from deploy.drift_watch import measure
from deploy.embedded import free_port
from deploy.model_choice import choose
from ingest.connections import InfluxConnection, KafkaConnection, load
from ingest.simulated_names import device_id
from models.registry import ARTIFACTS, MANIFEST, Manifest, Registry, read_manifest
from stream_processors.records import AlarmAction, AlarmEvent
from stream_processors.topic_admin import apply_topics
from stream_processors.topics import ALARM_ACTIONS, ALARMS
from tests import influxql, kafka_log
from tests.processes import Part, addresses
from tests.servers import EmbeddedKafka, EmbeddedMqtt, InfluxDb
from tests.waiting import until

WARD = "west"
BEDS = 6
_PREFIX = "bed"
# So that half a minute raises what hours would: any finding, and a signal that is not good.
_LIMITS = """
finding_probability = 0.05
finding_clear_probability = 0.01
finding_k = 1
finding_n = 2
late_s = 300
"""


class LivedWard:
    """Kafka's log, the database, and every part, which all go on."""

    def __init__(self, folder: Path, database: InfluxDb) -> None:
        self.database = database
        self.folder = folder
        self.mqtt = EmbeddedMqtt(folder / "mqtt")
        self.kafka = EmbeddedKafka(folder / "kafka")
        self.models = second_screen(folder / "models")
        self.began_s = int(time.time())
        self._parts: list[Part] = []

    @property
    def connection(self) -> KafkaConnection:
        return load(KafkaConnection, {"servers": self.kafka.address})

    @property
    def devices(self) -> list[str]:
        return [device_id(_PREFIX, index, BEDS) for index in range(BEDS)]

    def live(self, seconds: float) -> None:
        """So long after the first alarm."""
        self.mqtt.start()
        self.kafka.start()
        apply_topics(self.connection, partitions=2)
        assign(demonstration_ward(self.devices, ward=WARD, from_us=0), self.connection)
        limits = self.folder / "limits.toml"
        limits.write_text(_LIMITS)
        self._start("ingest.bridge")
        worker = {"MODELS_DIR": self.models, "HEART": "true"}
        self._start("stream_processors.app", WORKER=worker)
        self._start("stream_processors.alarm_app", ALARMS={"LIMITS": limits})
        self._start("stream_processors.influx")
        console = {"FOLDER": self.folder / "console", "PORT": free_port()}
        self._start("dashboards.console.serve", CONSOLE=console)
        choose(Registry(self.models).named("screen-9.9.9"), "shadow", self.connection)
        simulated = {"DEVICES": BEDS, "DEVICE_PREFIX": _PREFIX, "FAULTS": "gentle", "SEED": 3}
        self._start("ingest.simulator", SIMULATOR=simulated)
        raised = self._wait_for("raised")
        time.sleep(seconds)  # the bridges tell of a device every ten
        self._answer(raised)
        self._wait_for("acknowledged")
        time.sleep(3)  # for the writer's last batch
        measure(
            self.connection,
            load(InfluxConnection, _flags(self.database)),
            Registry(self.models),
            from_us=self.began_s * 10**6,
            until_s=int(time.time()) + 1,
        )

    def kill(self, name: str) -> None:
        """End one part as a power cut would."""
        for part in self._parts:
            if part.name == name:
                part.kill()

    def end(self) -> None:
        for child in (*reversed(self._parts), self.kafka, self.mqtt):
            child.kill()

    def _answer(self, event: AlarmEvent) -> None:
        action = AlarmAction(
            action_id="answer",
            action="acknowledge",
            device_id=event.device_id,
            actor="nurse",
            at_us=time.time_ns() // 1000,
        )
        kafka_log.publish(self.connection, ALARM_ACTIONS, [(event.device_id, action)])

    def _wait_for(self, transition: str) -> AlarmEvent:
        found: list[AlarmEvent] = []

        def happened() -> bool:
            events = kafka_log.records(self.connection, ALARMS, AlarmEvent)
            found.extend(e for e in events if e.transition == transition)
            return bool(found)

        until(happened, f"an alarm is {transition}", timeout_s=60)
        return found[-1]

    def _start(self, module: str, **own: dict[str, object]) -> None:
        settings = {
            f"HEARTWARD_{part}_{name}": value
            for part, given in own.items()
            for name, value in given.items()
        }
        environment = addresses(self.mqtt, self.kafka) | influxql.settings(self.database)
        name = module.rpartition(".")[2]
        part = Part(name, module, environment | settings, folder=self.folder)
        self._parts.append(part.start())


@contextmanager
def lived_ward(folder: Path, database: InfluxDb, *, seconds: float = 22) -> Iterator[LivedWard]:
    """A ward whose Kafka still answers when it has lived."""
    ward = LivedWard(folder, database)
    try:
        ward.live(seconds)
        yield ward
    finally:
        ward.end()


def second_screen(folder: Path) -> Path:
    """The shipped models, and the screening model once more under another version."""
    shutil.copytree(ARTIFACTS, folder)
    manifest = read_manifest(folder)
    (entry,) = (each for each in manifest.models if each.name == "screen" and each.default)
    model = onnx.load(folder / entry.file)
    for pair in model.metadata_props:
        if pair.key == "version":
            pair.value = "9.9.9"
    onnx.save(model, folder / "candidate.onnx")
    sha256 = hashlib.sha256((folder / "candidate.onnx").read_bytes()).hexdigest()
    candidate = msgspec.structs.replace(
        entry, version="9.9.9", file="candidate.onnx", sha256=sha256, default=False, mobile=""
    )
    models = (*manifest.models, candidate)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(Manifest(models=models)))
    return folder


def _flags(database: InfluxDb) -> dict[str, str]:
    return {
        "url": database.url,
        "token": database.token,
        "org": database.org,
        "bucket": database.bucket,
    }
