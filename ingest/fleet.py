"""What the bridge knows of each device: how much is stored, how it behaves, what its clock says.

All of it comes from what the devices send, so nothing is lost when the bridge is.
"""

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from ingest.chunk import DEVICE_BUFFER_S, AudioChunk, DeviceAck, DeviceTopic, Lane
from ingest.clocks import ClockEstimator
from ingest.positions import LivePatience, StoredPosition
from stream_processors.records import DeviceStats

# A device that is silent for longer has nothing left to send again.
FORGET_AFTER_US = round(1.5 * DEVICE_BUFFER_S) * 1_000_000
# Sound of the boot before may still be on its way, behind that of the present one.
_BOOTS_KEPT = 2


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """What is kept of a chunk until Kafka holds it."""

    topic: DeviceTopic
    received_us: int
    boot_id: int
    first_sample: int
    end_sample: int
    kept_from_sample: int
    captured_end_us: int
    sample_rate_hz: int

    @classmethod
    def of(cls, topic: DeviceTopic, received_us: int, chunk: AudioChunk, samples: int) -> "Arrival":
        return cls(
            topic,
            received_us,
            chunk.boot_id,
            chunk.first_sample,
            chunk.first_sample + samples,
            chunk.kept_from_sample,
            chunk.captured_at_us + samples * 1_000_000 // chunk.sample_rate_hz,
            chunk.sample_rate_hz,
        )


class Device:
    """One device, as this bridge has seen it since the bridge started."""

    def __init__(self, device_id: str) -> None:
        self.device_id = device_id
        self.last_seen_us = 0
        self.refused = 0
        self._last: Arrival | None = None
        self._boots: dict[int, StoredPosition] = {}
        self._patience: dict[int, LivePatience] = {}
        self._boots_to_ack: set[int] = set()
        self._clock = ClockEstimator()
        self._chunks = 0
        self._duplicates = 0
        self._reboots = 0
        self._lost_samples = 0  # of boots that are forgotten

    def stored(self, arrival: Arrival) -> bool:
        """Note that Kafka holds a chunk; False when that is of no use to anybody.

        It is of none when Kafka held all of its sound before, or when it fills a hole that the
        live lane has given up. The device is then not told that it is stored, and sends the hole
        as history, with all that the windows beside it are made of.
        """
        position = self._boots.get(arrival.boot_id)
        if position is None:
            position = self._open_boot(arrival)
        first, end = arrival.first_sample, arrival.end_sample
        is_live = arrival.topic.lane is Lane.AUDIO
        patience = self._patience[arrival.boot_id]
        if is_live and patience.is_over(first, end, arrival.received_us):
            position.give_up_before(arrival.kept_from_sample)
            new = False
        else:
            new = position.add(first, end, arrival.kept_from_sample)
        self._chunks += 1
        self._duplicates += not new
        self._boots_to_ack.add(arrival.boot_id)
        if is_live:
            self._clock.observe(arrival.received_us, arrival.captured_end_us)
        self._last = arrival
        return new

    def take_acks(self, now_us: int) -> Iterator[tuple[str, DeviceAck]]:
        """Topic and ack for every boot of which something came since the last call."""
        if self._last is None:
            return
        topic = str(self._last.topic._replace(lane=Lane.ACK))
        for boot_id in self._boots_to_ack:
            position = self._boots.get(boot_id)
            if position is not None:
                yield (
                    topic,
                    DeviceAck(
                        boot_id=boot_id,
                        stored_to_sample=position.stored_to,
                        bridge_time_us=now_us,
                    ),
                )
        self._boots_to_ack.clear()

    def stats(self, bridge: str, now_us: int) -> DeviceStats:
        """All zero but for `refused` while nothing valid has come."""
        last = self._last
        clock = self._clock.estimate()
        missing = sum(position.missing_samples for position in self._boots.values())
        return DeviceStats(
            device_id=self.device_id,
            bridge=bridge,
            at_us=now_us,
            boot_id=last.boot_id if last else 0,
            last_received_us=last.received_us if last else 0,
            stored_to_sample=self._boots[last.boot_id].stored_to if last else 0,
            sample_rate_hz=last.sample_rate_hz if last else 0,
            chunks=self._chunks,
            duplicates=self._duplicates,
            refused=self.refused,
            reboots=self._reboots,
            missing_samples=self._lost_samples + missing,
            clock_offset_us=clock.offset_us if clock else None,
            clock_drift_ppm=clock.drift_ppm if clock else None,
        )

    def _open_boot(self, arrival: Arrival) -> StoredPosition:
        if self._boots:
            self._reboots += 1
            self._clock = ClockEstimator()
        if len(self._boots) == _BOOTS_KEPT:
            oldest = next(iter(self._boots))
            self._lost_samples += self._boots.pop(oldest).missing_samples
            del self._patience[oldest]
        self._patience[arrival.boot_id] = LivePatience(arrival.sample_rate_hz)
        position = self._boots[arrival.boot_id] = StoredPosition(arrival.kept_from_sample)
        return position


class DueQueue:
    """Device ids that are due a fixed time after they were added; adding again changes nothing."""

    def __init__(self, delay_us: int) -> None:
        self._delay_us = delay_us
        self._due_us: OrderedDict[str, int] = OrderedDict()

    def add(self, device_id: str, now_us: int) -> None:
        if device_id not in self._due_us:
            self._due_us[device_id] = now_us + self._delay_us

    def pop_due(self, now_us: int) -> Iterator[str]:
        while self._due_us:
            device_id, due_us = next(iter(self._due_us.items()))
            # Due later than the delay allows: it was added before our clock was set back.
            if now_us < due_us <= now_us + self._delay_us:
                return
            del self._due_us[device_id]
            yield device_id

    def pop_all(self) -> Iterator[str]:
        while self._due_us:
            yield self._due_us.popitem(last=False)[0]


class Fleet:
    """All devices seen of late, and whose turn it is for an ack or for statistics.

    Memory is bounded: of more than `max_devices`, those silent for longest are forgotten. That
    costs them no sound, only some of it sent twice.
    """

    def __init__(
        self, *, bridge: str, ack_after_us: int, stats_after_us: int, max_devices: int
    ) -> None:
        self._bridge = bridge
        self._max_devices = max_devices
        self._devices: OrderedDict[str, Device] = OrderedDict()  # longest silent first
        self._acks = DueQueue(ack_after_us)
        self._stats = DueQueue(stats_after_us)

    def __len__(self) -> int:
        return len(self._devices)

    def stored(self, arrival: Arrival, now_us: int) -> bool:
        """Note that Kafka holds a chunk; False when it held all of its sound before."""
        device = self._seen(arrival.topic.device_id, now_us)
        self._acks.add(device.device_id, now_us)
        return device.stored(arrival)

    def refused(self, device_id: str, now_us: int) -> None:
        """Note that something of this device's was refused."""
        self._seen(device_id, now_us).refused += 1

    def due_acks(self, now_us: int) -> Iterator[tuple[str, DeviceAck]]:
        """Topic and ack of the devices whose turn it is."""
        return self._acks_of(self._acks.pop_due(now_us), now_us)

    def all_acks(self, now_us: int) -> Iterator[tuple[str, DeviceAck]]:
        """Topic and ack of every device that waits for one."""
        return self._acks_of(self._acks.pop_all(), now_us)

    def due_stats(self, now_us: int) -> Iterator[DeviceStats]:
        """Statistics of the changed devices whose turn it is."""
        self._forget_silent(now_us)
        for device_id in self._stats.pop_due(now_us):
            device = self._devices.get(device_id)
            if device is not None:
                yield device.stats(self._bridge, now_us)

    def _acks_of(self, device_ids: Iterator[str], now_us: int) -> Iterator[tuple[str, DeviceAck]]:
        for device_id in device_ids:
            device = self._devices.get(device_id)
            if device is not None:
                yield from device.take_acks(now_us)

    def _seen(self, device_id: str, now_us: int) -> Device:
        device = self._devices.get(device_id)
        if device is None:
            device = self._devices[device_id] = Device(device_id)
            if len(self._devices) > self._max_devices:
                self._devices.popitem(last=False)
        else:
            self._devices.move_to_end(device_id)
        device.last_seen_us = now_us
        self._stats.add(device_id, now_us)
        return device

    def _forget_silent(self, now_us: int) -> None:
        while self._devices:
            device = next(iter(self._devices.values()))
            if device.last_seen_us > now_us - FORGET_AFTER_US:
                return
            self._devices.popitem(last=False)
