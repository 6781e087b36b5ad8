"""One run of a ward on this machine: processes held up, records read, everything ended."""

import logging
import time
from collections import deque
from collections.abc import Sequence

import psutil

from dashboards.terminal.feed import Feed
from dashboards.terminal.ward_view import ProcessPicture
from deploy import preflight, supervisor
from deploy.assignments import write
from deploy.embedded import PARTITIONS
from deploy.kafka_memory import Carried, Wear, put_down, take_along
from deploy.local_stack import BRIDGE, KAFKA, MQTT, Hooks, Plan, parts, readers, settle
from deploy.run_folder import Interrupts, RunFolder
from deploy.supervisor import PartState, Phase, Supervisor
from models.errors import UserError
from stream_processors.records import Assignment, Heartbeat, Record
from stream_processors.topic_admin import apply_topics

END_WITHIN_S = 4.5
_TICK_S = 0.05
_HOUSEKEEPING_S = 1.0
_NOTICE_S = 60.0
_NOTICES = 3

log = logging.getLogger(__name__)


class WardRun:
    """Everything that runs, stepped by one loop in the main thread.

    Raises
    ------
    UserError
        When a process would refuse to run with what was asked for; nothing is started then.
    """

    def __init__(self, plan: Plan, assignments: Sequence[Assignment], folder: RunFolder) -> None:
        preflight.check(plan)
        self.addresses = settle(plan)
        self._notices = Notices()
        self._plan = plan
        self._assignments = assignments
        self._folder = folder
        self._feed: Feed | None = None
        self._reported: set[int] = set()
        self._cpu = _CpuMeter()
        self._restarts: dict[str, int] = {}
        self._house_due_s = 0.0
        self._rotating = False
        self._kafka_wear = Wear()
        self._carried: list[Carried] = []
        hooks = Hooks(has_reported=self._reported.__contains__, prepare_kafka=self._prepare_kafka)
        self.supervisor = Supervisor(
            parts(plan, self.addresses, hooks),
            launch=lambda part: supervisor.launch(part, folder.log_of(part.name)),
            last_words=self.last_words,
        )
        if plan.kafka is not None:
            self._prepare_kafka()

    @property
    def notices(self) -> tuple[str, ...]:
        """What has happened in the last minute, the last of it last."""
        return self._notices.since(time.monotonic() - _NOTICE_S)

    @property
    def past(self) -> tuple[str, ...]:
        """The last things that happened, however long ago."""
        return self._notices.since(0.0)

    def restarts(self, name: str) -> int:
        return next(state.restarts for state in self.supervisor.states() if state.name == name)

    def step(self) -> list[tuple[Record, int]]:
        """One turn of the loop; returns what has come, with its Kafka timestamp in microseconds.

        Raises
        ------
        UserError
            When a process cannot be held up.
        """
        now_s = time.monotonic()
        self.supervisor.step(now_s)
        if now_s >= self._house_due_s:
            self._house_due_s = now_s + _HOUSEKEEPING_S
            self._keep_house(now_s)
        if self._feed is None:
            time.sleep(_TICK_S)
            return []
        records = list(self._feed.poll(_TICK_S))
        self._reported.update(record.pid for record, _ in records if isinstance(record, Heartbeat))
        return records

    def processes(self) -> tuple[ProcessPicture, ...]:
        return tuple(
            ProcessPicture(
                state.name, _in_words(state), state.restarts, self._cpu.fractions.get(state.name)
            )
            for state in self.supervisor.states()
        )

    def end(self, interrupts: Interrupts) -> None:
        """End every process, within 5 s; at once when asked again."""
        self._folder.keep |= any(state.restarts for state in self.supervisor.states())
        deadline_s = time.monotonic() + END_WITHIN_S
        asked = interrupts.count
        while not self.supervisor.end_all(time.monotonic()):
            if time.monotonic() > deadline_s or interrupts.count > asked:
                self.supervisor.kill_all()
            time.sleep(_TICK_S / 2)
        self._close_feed()

    def last_words(self, name: str) -> str:
        """The last line of a process, and where the others are."""
        log = self._folder.log_of(name)
        return f"{supervisor.last_line(log) or 'it said nothing'} (log: {log})"

    def _keep_house(self, now_s: float) -> None:
        states = self.supervisor.states()
        self._cpu.measure(states)
        for state in states:
            supervisor.bound_log(self._folder.log_of(state.name))
        self._notice_crashes(states)
        if self._plan.kafka is None:
            self._renew_kafka_in_time(now_s)

    def _notice_crashes(self, states: Sequence[PartState]) -> None:
        for state in states:
            if state.restarts > self._restarts.get(state.name, 0):
                self._restarts[state.name] = state.restarts
                last_line = supervisor.last_line(self._folder.log_of(state.name))
                self._tell(of_a_crash(state, last_line))

    def _tell(self, what: str) -> None:
        log.warning("%s", what)
        self._notices.add(f"{time.strftime('%H:%M:%S')} {what}", time.monotonic())

    def _prepare_kafka(self) -> None:
        """Before anything else speaks to Kafka: topics, assignments, what was carried here."""
        kafka = self.addresses.kafka
        apply_topics(kafka, partitions=PARTITIONS if self._plan.kafka is None else None)
        write(self._assignments, kafka)
        put_down(self._carried, kafka)
        self._carried = []
        self._rotating = False
        self._close_feed()
        self._feed = Feed(kafka, from_beginning=self._plan.kafka is None)

    def _close_feed(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def _renew_kafka_in_time(self, now_s: float) -> None:
        """When full or slow: stop the bridge, carry what is still needed to an empty broker."""
        held_mib = self._cpu.rss_mib.get(KAFKA, 0.0)
        self._kafka_wear.note(now_s, self._cpu.fractions.get(KAFKA))
        is_full = held_mib > self._plan.kafka_memory_mib
        if not self._rotating and (is_full or self._kafka_wear.is_out):
            self._rotating = True
            self.supervisor.end(BRIDGE, now_s)
        if self._rotating and self.supervisor.ended(BRIDGE):
            self._carried = take_along(self.addresses.kafka, readers(self._plan))
            self._refuse_a_backlog()
            self.supervisor.restart(KAFKA, now_s)
            self.supervisor.want(BRIDGE)
            why = f"kafka held {held_mib:.0f} MiB" if is_full else "kafka grew slow"
            self._tell(f"{why} and is emptied; no result is lost")
            self._kafka_wear = Wear()

    def _refuse_a_backlog(self) -> None:
        carried_mib = sum(len(record.value or b"") for record in self._carried) / 2**20
        if carried_mib > self._plan.kafka_memory_mib / 2:
            raise UserError(
                f"the embedded Kafka may hold {self._plan.kafka_memory_mib} MiB, and "
                f"{carried_mib:.0f} MiB of it are not processed yet: start fewer beds or more "
                "workers, or allow more with --kafka-memory-mib"
            )


class Notices:
    """The last few things that a person should know, and when each came."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, str]] = deque(maxlen=_NOTICES)

    def add(self, what: str, at_s: float) -> None:
        self._kept.append((at_s, what))

    def since(self, from_s: float) -> tuple[str, ...]:
        return tuple(what for at_s, what in self._kept if at_s >= from_s)


def of_a_crash(state: PartState, last_line: str) -> str:
    """What to tell of a process that has crashed; a signal came without a word of its own."""
    code = state.last_exit or 0
    lost = ", its memory is lost" if state.name in (MQTT, KAFKA) else ""
    why = f": {last_line}" if code > 0 and last_line else ""
    return f"{state.name} {supervisor.how_it_ended(code)}{lost}; it is started again{why}"


class _CpuMeter:
    """Share of one core, and resident memory, of each process since the last look."""

    def __init__(self) -> None:
        self.fractions: dict[str, float] = {}
        self.rss_mib: dict[str, float] = {}
        self._watched: dict[int, psutil.Process] = {}

    def measure(self, states: Sequence[PartState]) -> None:
        pids = {state.name: state.pid for state in states if state.pid is not None}
        self._watched = {pid: p for pid, p in self._watched.items() if pid in pids.values()}
        self.fractions, self.rss_mib = {}, {}
        for name, pid in pids.items():
            try:
                process = self._watched.setdefault(pid, psutil.Process(pid))
                self.fractions[name] = process.cpu_percent() / 100
                self.rss_mib[name] = process.memory_info().rss / 2**20
            except psutil.NoSuchProcess:
                continue


def _in_words(state: PartState) -> str:
    return "restarting" if state.phase is Phase.WAITING and state.restarts else state.phase.value
