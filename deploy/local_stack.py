"""A whole ward on one machine: which processes, after which others, with which settings."""

import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGKILL

from pydantic_settings import BaseSettings

from deploy.embedded import LOOPBACK, free_port
from deploy.flags import environment_of
from deploy.supervisor import TERMINATE_S, Part
from ingest.connections import (
    InfluxConnection,
    KafkaConnection,
    MqttConnection,
    environment_and_file,
)
from ingest.simulated_names import PREFIX, device_id
from models.errors import UserError
from stream_processors.topics import ALARM_ACTIONS, ALARMS, AUDIO, AUDIO_HISTORY, RESULTS

# A second thread of BLAS or OpenMP makes these small matrices slower, many times over.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
# The groups that read on an embedded Kafka to the end and commit what they have done with.
_AUDIO_GROUP, _INFLUX_GROUP = "heartward-audio", "heartward-influx"
_ALARMS_GROUP = "heartward-alarms"
_CONSOLE_GROUP = "heartward-console"
_ON_EMBEDDED_KAFKA = {
    "HEARTWARD_WORKER_GROUP": _AUDIO_GROUP,
    "HEARTWARD_INFLUX_GROUP": _INFLUX_GROUP,
    "HEARTWARD_ALARMS_GROUP": _ALARMS_GROUP,
    "HEARTWARD_CONSOLE_GROUP": _CONSOLE_GROUP,
    # It pays by the batch, and looks through all that it holds whenever it is asked.
    "HEARTWARD_BRIDGE_LINGER_MS": "20",
    "HEARTWARD_WORKER_FETCH_EVERY_S": "0.1",
    "HEARTWARD_ALARMS_FETCH_EVERY_S": "0.25",
    "HEARTWARD_CONSOLE_FETCH_WAIT_MS": "400",
}
# What one machine shows of a ward is rather rich than large, if nobody says otherwise.
_IN_FULL = {"HEARTWARD_WORKER_HEART": "true"}
# Settled here: what the environment says of brokers may be meant for others, and a port to be
# watched at can be that of one process only.
_SETTLED = ("HEARTWARD_MQTT_", "HEARTWARD_KAFKA_", "HEARTWARD_WATCH_")
# Bridge and wearables of a simulated ward agree on the groups that both have by default.
_OF_SIMULATED_WARDS = ("HEARTWARD_BRIDGE_GROUPS", "HEARTWARD_SIMULATOR_GROUPS")
_MOST_CONNECTIONS = 200
_SIMULATOR_SETTLES_S = 10.0
# Devices of a gentle ward set their clocks by the bridge, so that the first delay says something.
_CLOCKS_THAT_ARE_SET = "clock_offset_s=0.02"
MQTT, KAFKA, BRIDGE, SIMULATOR, INFLUX = "mqtt", "kafka", "bridge", "simulator", "influx"
ALARM_WORKER, CONSOLE = "alarms", "console"


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A simulated ward; `drain_s` is how long it waits for its last acknowledgements."""

    beds: int
    faults: str
    seed: int = 1
    drain_s: float = 0.0
    report: Path | None = None

    def device_ids(self) -> list[str]:
        return [device_id(PREFIX, index, self.beds) for index in range(self.beds)]

    def environment(self) -> dict[str, str]:
        settings = {
            "devices": self.beds,
            "device_prefix": PREFIX,
            "faults": self.faults,
            "fault_settings": _CLOCKS_THAT_ARE_SET if self.faults == "gentle" else None,
            "seed": self.seed,
            "drain_s": self.drain_s,
            "connections": 0 if self.beds <= _MOST_CONNECTIONS else _MOST_CONNECTIONS,
            "report": self.report,
        }
        return {
            f"HEARTWARD_SIMULATOR_{name.upper()}": str(value)
            for name, value in settings.items()
            if value is not None
        }


@dataclass(frozen=True, kw_only=True)
class Login:
    """Where the console listens, and who gets in; without a user, those whom it knows already."""

    port: int
    user: str | None = None
    password: str = ""

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/"

    def environment(self) -> dict[str, str]:
        own = {"HEARTWARD_CONSOLE_HOST": LOOPBACK, "HEARTWARD_CONSOLE_PORT": str(self.port)}
        if self.user is None:
            return own
        return own | {
            "HEARTWARD_CONSOLE_LOGIN_USER": self.user,
            "HEARTWARD_CONSOLE_LOGIN_PASSWORD": self.password,
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run.

    Attributes
    ----------
    mqtt, kafka
        Brokers that are there already; without one an embedded broker is started.
    simulation
        A simulated ward; None runs without.
    listen_mqtt, listen_kafka
        Ports for the embedded brokers; without one a free one is taken.
    kafka_memory_mib
        The embedded Kafka is emptied of what is no longer needed when it holds more.
    console
        Show the ward in browsers too; None runs without.
    """

    mqtt: MqttConnection | None = None
    kafka: KafkaConnection | None = None
    influx: InfluxConnection
    workers: int = 1
    simulation: Simulation | None = None
    listen_mqtt: int | None = None
    listen_kafka: int | None = None
    kafka_memory_mib: int = 2048
    console: Login | None = None


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the brokers are, once it is settled."""

    mqtt: MqttConnection
    kafka: KafkaConnection


def settle(plan: Plan) -> Addresses:
    """The given brokers, and ports of the loopback for embedded ones.

    Raises
    ------
    UserError
        When a port that was asked for is in use, asked for twice, or of a broker that is not
        started here.
    """
    _refuse_a_port_of(plan.mqtt, plan.listen_mqtt, "--listen-mqtt")
    _refuse_a_port_of(plan.kafka, plan.listen_kafka, "--listen-kafka")
    if plan.listen_mqtt is not None and plan.listen_mqtt == plan.listen_kafka:
        raise UserError(
            f"--listen-mqtt and --listen-kafka both name {plan.listen_mqtt}: give each its own"
        )
    # Not from the environment: what it says of users and certificates is for other brokers.
    mqtt = plan.mqtt or MqttConnection.model_construct(
        host=LOOPBACK, port=port_of(plan.listen_mqtt, "--listen-mqtt")
    )
    kafka = plan.kafka or KafkaConnection.model_construct(
        servers=f"{LOOPBACK}:{port_of(plan.listen_kafka, '--listen-kafka')}"
    )
    return Addresses(mqtt=mqtt, kafka=kafka)


def _refuse_a_port_of(given: BaseSettings | None, wanted: int | None, flag: str) -> None:
    if given is not None and wanted is not None:
        said = ", ".join(sorted(environment_of(given, only=given.model_fields_set)))
        raise UserError(
            f"{flag} {wanted} is for an embedded broker, but {said} (or flags of that name) say "
            "that there is one already: leave out the one or the other"
        )


def port_of(wanted: int | None, flag: str) -> int:
    """The port that was asked for, or a free one; raises `UserError` when it is in use."""
    if wanted is None:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as error:
            raise UserError(
                f"port {wanted} of {LOOPBACK} cannot be used ({error.strerror}): "
                f"name another with {flag}, or none"
            ) from None
    return wanted


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What the one who runs the parts knows better than they do."""

    has_reported: Callable[[int], bool]
    prepare_kafka: Callable[[], None]


def parts(plan: Plan, addresses: Addresses, hooks: Hooks) -> list[Part]:
    """Every process in the order in which the live view lists them."""
    return [*_brokers(plan, addresses, hooks), *_pipeline(plan, addresses, hooks)]


def readers(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Which groups read a topic of the embedded Kafka to its end; a log without any is kept."""
    writers = (_INFLUX_GROUP,) if plan.influx.url else ()
    history = (_CONSOLE_GROUP,) if plan.console else ()
    return {
        AUDIO.name: (_AUDIO_GROUP,),
        AUDIO_HISTORY.name: (_AUDIO_GROUP,),
        RESULTS.name: (_ALARMS_GROUP, *writers, *history),
        ALARM_ACTIONS.name: (_ALARMS_GROUP,),
        ALARMS.name: (),
    }


def _brokers(plan: Plan, addresses: Addresses, hooks: Hooks) -> Iterator[Part]:
    if plan.mqtt is None:
        yield _broker(MQTT, addresses.mqtt.port)
    if plan.kafka is None:
        port = int(addresses.kafka.servers.rpartition(":")[2])
        yield _broker(KAFKA, port, on_ready=hooks.prepare_kafka)


def _broker(kind: str, port: int, on_ready: Callable[[], None] = lambda: None) -> Part:
    return Part(
        name=kind,
        command=_python("deploy.embedded", kind, str(port)),
        ready=lambda _pid: listens(port),
        on_ready=on_ready,
        stop_signal=SIGKILL,
    )


def _pipeline(plan: Plan, addresses: Addresses, hooks: Hooks) -> Iterator[Part]:
    mqtt = (MQTT,) if plan.mqtt is None else ()
    kafka = (KAFKA,) if plan.kafka is None else ()
    environment = _environment(plan, addresses) | (_ON_EMBEDDED_KAFKA if kafka else {})

    def reporting(name: str, module: str, *, after: tuple[str, ...] = kafka) -> Part:
        return Part(
            name=name,
            command=_python(module),
            environment=environment,
            after=after,
            falls_with=kafka,
            ready=hooks.has_reported,
        )

    yield reporting(BRIDGE, "ingest.bridge", after=mqtt + kafka)
    for number in range(1, plan.workers + 1):
        yield reporting(f"worker-{number}", "stream_processors.app")
    # Not among the first, which all want the processor at once: Kafka keeps what it will read.
    yield reporting(ALARM_WORKER, "stream_processors.alarm_app", after=(*kafka, BRIDGE))
    if plan.influx.url:
        yield reporting(INFLUX, "stream_processors.influx")
    if plan.console is not None:
        yield replace(
            reporting(CONSOLE, "dashboards.console.serve"),
            environment=environment | plan.console.environment(),
        )
    if plan.simulation is not None:
        yield Part(
            name=SIMULATOR,
            command=_python("ingest.simulator"),
            environment=environment | plan.simulation.environment(),
            after=(BRIDGE,),
            grace_s=plan.simulation.drain_s + TERMINATE_S,
            settles_s=_SIMULATOR_SETTLES_S,
        )


def _environment(plan: Plan, addresses: Addresses) -> dict[str, str]:
    """A whole environment for a process of this ward."""
    settled = _SETTLED if plan.simulation is None else _SETTLED + _OF_SIMULATED_WARDS
    inherited = {
        name: value
        for name, value in environment_and_file().items()
        if not name.upper().startswith(settled)
    }
    connections = (addresses.mqtt, addresses.kafka, plan.influx)
    told = {name: v for each in connections for name, v in environment_of(each).items()}
    return _IN_FULL | inherited | told | ONE_THREAD


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=0.2).close()
    except OSError:
        return False
    return True
