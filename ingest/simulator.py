"""The simulator: a ward of wearables on a broker, in real time, until it is told to end.

    python -m ingest.simulator

One thread drives every device and every connection. What the devices record, keep and send
again is decided in `wearable_model`; here are the clock, the schedule and the end.
"""

import heapq
import logging
import selectors
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count

from ingest.carrier import Broker, Carrier, own_carriers, shared_carriers
from ingest.connections import MqttConnection, load
from ingest.signals import times_asked_to_end
from ingest.simulated_ward import SimulatedDevice, build
from ingest.simulator_report import SimulatorReport, totals, write
from ingest.simulator_settings import SimulatorSettings
from ingest.traces import tracing
from ingest.wearable_model import Outgoing
from models import logs
from models.errors import UserError
from models.processes import exit_code

__all__ = ["Simulator", "SimulatorSettings", "run"]

# Messages of many devices share one system call; it delays each by so much at most.
_GATHER_S = 0.01
_IDLE_S = 0.1
_TICK_US = 1_000_000
_LOOK_US = 100_000
_REPORT_EVERY_US = 5_000_000
_FAREWELL_S = 1.0

_log = logging.getLogger(__name__)


class Simulator:
    """Devices, their connections, and what is due when.

    Raises
    ------
    UserError
        If recordings, faults or the broker cannot be used.
    """

    def __init__(
        self, settings: SimulatorSettings, mqtt: MqttConnection, *, now_us: Callable[[], int]
    ) -> None:
        self._settings = settings
        self._now_us = now_us
        self._selector = selectors.DefaultSelector()
        broker = Broker(mqtt, self._selector, tracing=tracing("simulator"))
        self._started_us = now_us()
        self._devices = build(settings, start_us=self._started_us)
        self._carriers = _carriers(settings, broker, self._devices, now_us)
        self._agenda: list[tuple[float, int, Callable[[int], None]]] = []
        self._order = count()
        self._unsent: set[Carrier] = set()
        self._stopped_us: int | None = None
        self._is_drained = False
        for index, device in enumerate(self._devices):
            carrier = self._carriers[index % len(self._carriers)]
            self._at(device.wearable.next_step_us, partial(self._step, device, carrier))
        for action in (self._tick, self._look, self._report_on_the_way):
            self._at(self._started_us, action)

    def run(self, asked: Callable[[], int] = lambda: 0) -> SimulatorReport:
        """Go on until told to end or until all is sent; `asked` says how often one was told.

        The first time nothing more is recorded, what was recorded is sent and waited for, and
        the devices say goodbye. The second time it ends at once.
        """
        try:
            while not self._is_over(asked()):
                self._turn()
            if asked() < 2:
                self._farewell()
            return self._final_report()
        finally:
            for carrier in self._carriers:
                carrier.link.drop()
            self._selector.close()

    def _is_over(self, asked: int) -> bool:
        now_us = self._now_us()
        if self._stopped_us is None and (asked or self._duration_is_over(now_us)):
            self._stopped_us = now_us
            for device in self._devices:
                device.wearable.stop(now_us)
        if self._stopped_us is None:
            return False
        waited_s = (now_us - self._stopped_us) / 1e6
        return asked > 1 or self._is_drained or waited_s > self._settings.drain_s

    def _duration_is_over(self, now_us: int) -> bool:
        duration_s = self._settings.duration_s
        return duration_s is not None and now_us >= self._started_us + 1e6 * duration_s

    def _turn(self) -> None:
        """Wait for what comes first, a socket or a moment, and do all that is due by then."""
        time.sleep(_GATHER_S)
        wait_s = (self._agenda[0][0] - self._now_us()) / 1e6
        for key, _ in self._selector.select(min(max(0.0, wait_s), _IDLE_S)):
            key.data.serve(time.monotonic())
        now_us = self._now_us()
        while self._agenda[0][0] <= now_us:
            heapq.heappop(self._agenda)[2](now_us)
        for carrier in self._unsent:
            carrier.link.flush(time.monotonic())
        self._unsent = {carrier for carrier in self._unsent if carrier.link.has_unsent}

    def _at(self, due_us: float, action: Callable[[int], None]) -> None:
        heapq.heappush(self._agenda, (due_us, next(self._order), action))

    def _step(self, device: SimulatedDevice, carrier: Carrier, now_us: int) -> None:
        wearable = device.wearable
        messages = wearable.step(now_us)
        carrier.follow(wearable)
        for due_us, message in device.network.carry(messages, now_us):
            deliver = partial(self._deliver, device, carrier, message)
            if due_us <= now_us:
                deliver(now_us)
            else:
                self._at(due_us, deliver)
        self._at(wearable.next_step_us, partial(self._step, device, carrier))

    def _deliver(
        self, device: SimulatedDevice, carrier: Carrier, message: Outgoing, _now_us: int
    ) -> None:
        carrier.send(device.wearable, message)
        self._unsent.add(carrier)

    def _tick(self, now_us: int) -> None:
        for carrier in self._carriers:
            carrier.tick()
        self._at(now_us + _TICK_US, self._tick)

    def _look(self, now_us: int) -> None:
        """See whether all recordings are over, and whether all that was sent is acknowledged."""
        wearables = [device.wearable for device in self._devices]
        if self._stopped_us is None and all(wearable.is_over for wearable in wearables):
            self._stopped_us = now_us
        self._is_drained = all(wearable.is_drained for wearable in wearables)
        self._at(now_us + _LOOK_US, self._look)

    def _farewell(self) -> None:
        for carrier in self._carriers:
            carrier.farewell()
        until_us = self._now_us() + _FAREWELL_S * 1e6
        while any(c.link.unconfirmed for c in self._carriers) and self._now_us() < until_us:
            self._turn()
        for carrier in self._carriers:
            carrier.link.farewell(time.monotonic())

    def _report(self, *, is_final: bool) -> SimulatorReport:
        devices = tuple(device.wearable.report() for device in self._devices)
        return SimulatorReport(
            seed=self._settings.seed,
            started_us=self._started_us,
            at_us=self._now_us(),
            is_final=is_final,
            totals=totals(
                devices,
                lost_on_the_way=sum(device.network.lost for device in self._devices),
                doubled_on_the_way=sum(device.network.doubled for device in self._devices),
            ),
            devices=devices,
        )

    def _report_on_the_way(self, now_us: int) -> None:
        if self._settings.report is not None:
            write(self._report(is_final=False), self._settings.report)
        self._at(now_us + _REPORT_EVERY_US, self._report_on_the_way)

    def _final_report(self) -> SimulatorReport:
        report = self._report(is_final=True)
        if self._settings.report is not None:
            write(report, self._settings.report)
        return report


def _carriers(
    settings: SimulatorSettings,
    broker: Broker,
    devices: list[SimulatedDevice],
    now_us: Callable[[], int],
) -> list[Carrier]:
    wearables = [device.wearable for device in devices]
    shared = min(settings.connections, len(wearables))
    names = [f"{settings.device_prefix}carrier-{number + 1}" for number in range(shared)]
    if names:
        return shared_carriers(broker, wearables, now_us, names)
    return own_carriers(broker, wearables, now_us)


def run(settings: SimulatorSettings, mqtt: MqttConnection) -> SimulatorReport:
    """Be the ward until SIGTERM, SIGINT or the end of its sound; from the main thread.

    Raises
    ------
    UserError
        In one line, when recordings, faults, the report or, at the start, the broker cannot be
        used; later the devices try again for ever. And when all the sound that was asked for
        is sent, and nobody said that any of it is stored.
    """
    logs.configure("simulator")
    with times_asked_to_end() as asked:
        report = Simulator(settings, mqtt, now_us=_clock()).run(asked)
        ended_itself = asked() == 0
    _log.info(_summary(report))
    if ended_itself and not report.totals.audio_acknowledged_s:
        raise UserError(
            f"none of {report.totals.audio_recorded_s:.0f} s of sound was acknowledged: does a "
            f"bridge serve {mqtt.host}:{mqtt.port}?"
        )
    return report


def main() -> int:
    """Run with settings from the environment."""
    return exit_code(lambda: run(load(SimulatorSettings), load(MqttConnection)))


def _clock() -> Callable[[], int]:
    """Wall-clock microseconds that never jump, however the system's clock is set."""
    ahead_ns = time.time_ns() - time.monotonic_ns()
    return lambda: (time.monotonic_ns() + ahead_ns) // 1000


def _summary(report: SimulatorReport) -> str:
    total = report.totals
    return (
        f"{total.devices} devices recorded {total.audio_recorded_s:.0f} s of sound, "
        f"{total.audio_acknowledged_s:.0f} s acknowledged: {total.chunks_sent} chunks sent, "
        f"{total.chunks_resent} again, {total.chunks_history} as history"
    )


if __name__ == "__main__":
    sys.exit(main())
