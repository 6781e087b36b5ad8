"""One wearable stethoscope as a state machine: it records, keeps, sends, hears and reboots.

It knows neither sockets nor clocks: whoever drives it says what time it is, when the connection
came or went and what the bridge acknowledged, and publishes what `Wearable.step` returns. What it
records is a function of its seed alone, whenever and however often it is stepped.
"""

from math import ceil, inf
from typing import NamedTuple

from ingest.chunk import (
    AudioChunk,
    DeviceAck,
    DeviceStatus,
    DeviceTopic,
    Lane,
    encode,
)
from ingest.faults import FaultPlan
from ingest.outbox import Outbox
from ingest.playback import Piece, Playback
from ingest.simulator_report import BootReport, DeviceReport
from ingest.sound_buffer import Recorded
from ingest.traces import Context

STATUS_EVERY_US = 30_000_000

_FIRMWARE = "heartward-simulator"
_BATTERY_LIFE_US = 72 * 3_600_000_000
_EMPTY_FRACTION = 0.01


class Outgoing(NamedTuple):
    """One message for the broker, QoS 1; `trace` is the context that travels with it."""

    topic: str
    payload: bytes
    retain: bool = False
    trace: Context | None = None


class _Boot:
    """From one power-up to the next power-down."""

    def __init__(
        self, boot_id: int, *, started_us: int, device_started_us: int, sample_rate_hz: int
    ) -> None:
        self.boot_id = boot_id
        self.started_us = started_us
        self.device_started_us = device_started_us
        self.sample_rate_hz = sample_rate_hz
        self.outbox = Outbox(sample_rate_hz)
        self.next_piece = 0

    def record(self, piece: Piece, encoded: bytes, recorded_us: int) -> None:
        elapsed_us = round(piece.first * 1e6 / self.sample_rate_hz)
        self.outbox.keep(
            Recorded(
                seq=self.next_piece,
                first=piece.first,
                end=piece.end,
                captured_at_us=self.device_started_us + elapsed_us,
                recorded_us=recorded_us,
                encoded=encoded,
            )
        )
        self.next_piece += 1

    def report(self, *, ended_us: int | None = None) -> BootReport:
        outbox, buffer = self.outbox, self.outbox.buffer
        return BootReport(
            boot_id=self.boot_id,
            started_us=self.started_us,
            sample_rate_hz=self.sample_rate_hz,
            produced_to_sample=buffer.recorded_to,
            acknowledged_to_sample=buffer.acknowledged_to,
            kept_from_sample=buffer.kept_from,
            lost=tuple(buffer.lost),
            chunks_recorded=self.next_piece,
            chunks_sent=outbox.sent,
            chunks_resent=outbox.sent_again,
            chunks_history=outbox.sent_as_history,
            ended_us=ended_us,
        )


class Wearable:
    """One device, switched on at `power_up_us` in a ward that began at `ward_start_us`.

    One oscillator drives its clock and its sampling: a device that drifts by +20 ppm records
    20 ppm more samples a second than it says, and stamps them with a clock that runs as fast.

    Attributes
    ----------
    is_reachable
        Whether its network let it keep a connection at the latest step.
    next_step_us
        When `step` shall be called next.
    """

    def __init__(
        self,
        device_id: str,
        group: str,
        playback: Playback,
        plan: FaultPlan,
        *,
        ward_start_us: int,
        power_up_us: int,
    ) -> None:
        self.device_id = device_id
        self.group = group
        self.chunk_us = round(playback.chunk_samples * 1e6 / playback.sample_rate_hz)
        self.is_reachable = False
        self.next_step_us: float = power_up_us
        self._topics = {lane: str(DeviceTopic(group, device_id, lane)) for lane in Lane}
        self._playback = playback
        self._plan = plan
        self._ward_start_us = ward_start_us
        self._clock_rate = 1.0 + plan.clock_drift_ppm * 1e-6
        self._power_up_us = power_up_us
        self._boot_id = 0
        self._past_boots: list[BootReport] = []
        self._boot: _Boot | None = None
        self._piece: Piece | None = None
        self._piece_ready_us = inf
        self._is_stopped = self._has_link = self._is_connected = False
        self._has_contact, self._told_contact = True, True
        self._told_us = -STATUS_EVERY_US

    @property
    def ack_topic(self) -> str:
        return self._topics[Lane.ACK]

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be recorded."""
        return self._is_stopped or (self._boot is not None and self._piece is None)

    @property
    def is_drained(self) -> bool:
        """Whether nothing more will be recorded or sent, and all that can be is acknowledged."""
        if self._boot is None:
            return self.is_over
        outbox, buffer = self._boot.outbox, self._boot.outbox.buffer
        is_acknowledged = buffer.kept_from >= buffer.recorded_to
        return self.is_over and is_acknowledged and not outbox.is_sending_history

    def step(self, now_us: int) -> list[Outgoing]:
        """Record up to now and return what is to be published, in order."""
        self._record_until(now_us)
        self._update_connection(now_us)
        self.next_step_us = min(self._next_event_us(), now_us + self.chunk_us)
        if not self._is_connected or self._boot is None:
            return []
        outbox = self._boot.outbox
        audio = [self._audio(self._boot, lane, chunk) for lane, chunk in outbox.due(now_us)]
        return [*self._status_when_due(self._boot, now_us), *audio]

    def on_connected(self, now_us: int) -> None:
        """The link to the broker is up and the subscription to the ack stands."""
        self._has_link = True
        self._update_connection(now_us)

    def on_disconnected(self, now_us: int) -> None:
        self._has_link = False
        self._update_connection(now_us)

    def on_ack(self, ack: DeviceAck, now_us: int) -> None:
        """Hear the bridge; an ack that is meant for an earlier boot is ignored."""
        if self._is_connected and self._boot is not None and ack.boot_id == self._boot.boot_id:
            self._boot.outbox.on_ack(ack.stored_to_sample, now_us)

    def stop(self, now_us: int) -> None:
        """Record nothing after now; what is kept is sent on, and no outage delays it."""
        self._record_until(now_us)
        self._is_stopped = True

    def offline(self, now_us: int) -> Outgoing:
        """The last will, and the farewell: a retained status."""
        boot_id = 0 if self._boot is None else self._boot.boot_id
        status = DeviceStatus(state="offline", boot_id=boot_id, at_us=self._device_clock_us(now_us))
        return Outgoing(self._topics[Lane.STATUS], encode(status), retain=True)

    def report(self) -> DeviceReport:
        running = [] if self._boot is None else [self._boot.report()]
        return DeviceReport(
            device_id=self.device_id,
            group=self.group,
            sample_rate_hz=self._playback.sample_rate_hz,
            chunk_samples=self._playback.chunk_samples,
            encoding=self._playback.encoding,
            recordings=(self._playback.name,),
            boots=(*self._past_boots, *running),
        )

    def _record_until(self, now_us: int) -> None:
        while (moment_us := self._next_event_us()) <= now_us:
            if self._boot is None:
                self._power_up(int(moment_us))
            elif moment_us == self._piece_ready_us:
                self._record(self._boot, int(moment_us))
            else:
                self._lose_power(self._boot, int(moment_us))

    def _next_event_us(self) -> float:
        if self.is_over:
            return inf
        if self._boot is None:
            return self._power_up_us
        power_loss_us = self._ward_start_us + self._plan.power_losses.current.from_us
        return min(self._piece_ready_us, power_loss_us)

    def _power_up(self, moment_us: int) -> None:
        self._boot_id = self._plan.new_boot_id()
        self._boot = _Boot(
            self._boot_id,
            started_us=moment_us,
            device_started_us=self._device_clock_us(moment_us),
            sample_rate_hz=self._playback.sample_rate_hz,
        )
        self._prepare(self._boot)

    def _lose_power(self, boot: _Boot, moment_us: int) -> None:
        """All that was not acknowledged is gone: the buffer is the device's memory."""
        losses = self._plan.power_losses
        self._power_up_us = int(self._ward_start_us + losses.current.until_us)
        losses.advance()
        self._past_boots.append(boot.report(ended_us=moment_us))
        self._boot = None
        self._is_connected = False

    def _record(self, boot: _Boot, moment_us: int) -> None:
        piece = self._piece
        assert piece is not None  # noqa: S101 (the moment it is ready is a number)
        self._has_contact = not self._plan.electrode_off.on_at(moment_us - self._ward_start_us)
        silence = None if self._has_contact else self._playback.silence(piece.end - piece.first)
        boot.record(piece, silence or piece.encoded, moment_us)
        self._prepare(boot)

    def _prepare(self, boot: _Boot) -> None:
        self._piece = self._playback.piece(boot.next_piece)
        if self._piece is not None:
            lasts_us = self._piece.end * 1e6 / (boot.sample_rate_hz * self._clock_rate)
            self._piece_ready_us = boot.started_us + ceil(lasts_us)

    def _update_connection(self, now_us: int) -> None:
        has_outage = not self._is_stopped and self._plan.outages.on_at(now_us - self._ward_start_us)
        self.is_reachable = self._boot is not None and not has_outage
        was_connected, self._is_connected = (
            self._is_connected,
            self._has_link and self.is_reachable,
        )
        if self._boot is not None and self._is_connected and not was_connected:
            self._told_us = now_us - STATUS_EVERY_US
            self._boot.outbox.on_connected(now_us)

    def _audio(self, boot: _Boot, lane: Lane, chunk: Recorded) -> Outgoing:
        record = AudioChunk(
            boot_id=boot.boot_id,
            seq=chunk.seq,
            first_sample=chunk.first,
            kept_from_sample=min(boot.outbox.buffer.kept_from, chunk.first),
            captured_at_us=chunk.captured_at_us,
            sample_rate_hz=boot.sample_rate_hz,
            encoding=self._playback.encoding,
            samples=chunk.encoded,
        )
        return Outgoing(self._topics[lane], encode(record))

    def _status_when_due(self, boot: _Boot, now_us: int) -> list[Outgoing]:
        is_due = now_us - self._told_us >= STATUS_EVERY_US
        if not is_due and self._told_contact == self._has_contact:
            return []
        self._told_us, self._told_contact = now_us, self._has_contact
        used = (now_us - self._ward_start_us) / _BATTERY_LIFE_US
        status = DeviceStatus(
            state="online",
            boot_id=boot.boot_id,
            at_us=self._device_clock_us(now_us),
            battery_fraction=round(max(_EMPTY_FRACTION, self._plan.battery_fraction - used), 3),
            contact=self._has_contact,
            signal_dbm=self._plan.signal_dbm,
            buffer_fill_fraction=round(boot.outbox.buffer.fill_fraction, 3),
            firmware=_FIRMWARE,
        )
        return [Outgoing(self._topics[Lane.STATUS], encode(status), retain=True)]

    def _device_clock_us(self, true_us: int) -> int:
        since_start_us = (true_us - self._ward_start_us) * self._clock_rate
        return round(self._ward_start_us + self._plan.clock_offset_us + since_start_us)
