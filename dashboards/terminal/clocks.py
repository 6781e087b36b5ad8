"""How far the devices' own clocks are off, as the bridges estimate it."""

from collections.abc import Mapping

from stream_processors.records import DeviceStats


class Clocks:
    """The latest estimate of each device, and of the boot that it is for."""

    def __init__(self) -> None:
        self._latest: dict[str, DeviceStats] = {}

    def take(self, stats: DeviceStats) -> None:
        before = self._latest.get(stats.device_id)
        if stats.clock_offset_us is not None and (before is None or stats.at_us >= before.at_us):
            self._latest[stats.device_id] = stats

    def offset_us(self, device_id: str, boot_id: int) -> int | None:
        """The device's clock minus ours; None while it is not known for this boot."""
        stats = self._latest.get(device_id)
        return None if stats is None or stats.boot_id != boot_id else stats.clock_offset_us

    def errors_ms(self) -> Mapping[str, float]:
        """How far each clock is off, in either direction, by device."""
        return {
            device_id: abs(stats.clock_offset_us or 0) / 1000
            for device_id, stats in self._latest.items()
        }
