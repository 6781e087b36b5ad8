"""One run of a ward on this machine: processes held up, records read, everything ended."""

import logging
import time
from collections.abc import Sequence

import psutil

from dashboards.terminal.feed import Feed
from dashboards.terminal.ward_view import ProcessPicture
from deploy import supervisor
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

log = logging.getLogger(__name__)


class WardRun:
    """Everything that runs, stepped by one loop in the main thread.

    Attributes
    ----------
    notice
        What has just happened, for a minute; empty otherwise.
    """

    def __init__(self, plan: Plan, assignments: Sequence[Assignment], folder: RunFolder) -> None:
        self.addresses = settle(plan)
        self.notice = ""
        self._plan = plan
        self._assignments = assignments
        self._folder = folder
        self._feed: Feed | None = None
        self._reported: set[int] = set()
        self._cpu = _CpuMeter()
        self._restarts: dict[str, int] = {}
        self._notice_until_s = 0.0
        self._house_due_s = 0.0
        self._rotating = False
        self._kafka_wear = Wear()
        self._carried: list[Carried] = []
        hooks = Hooks(has_reported=self._reported.__contains__, prepare_kafka=self._prepare_kafka)
        self.supervisor = Supervisor(
            parts(plan, self.addresses, hooks),
            launch=lambda part: supervisor.launch(part, folder.log_of(part.name)),
            last_words=self._last_words,
        )
        if plan.kafka is not None:
            self._prepare_kafka()

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

    def _last_words(self, name: str) -> str:
        log = self._folder.log_of(name)
        return f"{supervisor.last_line(log) or 'it said nothing'} (log: {log})"

    def _keep_house(self, now_s: float) -> None:
        states = self.supervisor.states()
        self._cpu.measure(states)
        if now_s > self._notice_until_s:
            self.notice = ""
        for state in states:
            supervisor.bound_log(self._folder.log_of(state.name))
        self._notice_crashes(states)
        if self._plan.kafka is None:
            self._renew_kafka_in_time(now_s)

    def _notice_crashes(self, states: Sequence[PartState]) -> None:
        for state in states:
            if state.restarts > self._restarts.get(state.name, 0):
                self._restarts[state.name] = state.restarts
                how = supervisor.how_it_ended(state.last_exit or 0)
                lost = ", its memory is lost" if state.name in (MQTT, KAFKA) else ""
                self._tell(f"{state.name} {how}{lost}; it is started again")

    def _tell(self, what: str) -> None:
        log.warning("%s", what)
        self.notice = f"{time.strftime('%H:%M:%S')} {what}"
        self._notice_until_s = time.monotonic() + _NOTICE_S

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
