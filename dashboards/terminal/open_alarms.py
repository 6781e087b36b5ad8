"""Which alarms are open on each device, as their events tell it."""

from collections.abc import Iterable

from stream_processors.records import AlarmEvent

_NOT_SHOWN = frozenset({"pending", "cleared"})
_PRIORITIES = ("high", "medium", "low")
_STATES = ("active", "latched", "acknowledged", "shelved")


class OpenAlarms:
    """Fed with every event; repetitions do no harm."""

    def __init__(self) -> None:
        self._last: dict[str, dict[str, AlarmEvent]] = {}

    def take(self, event: AlarmEvent) -> None:
        alarms = self._last.setdefault(event.device_id, {})
        known = alarms.get(event.condition)
        is_old = known is not None and event.at_us < known.at_us
        is_same = known is not None and known.episode_id == event.episode_id
        if is_old or (is_same and known is not None and event.transition_no <= known.transition_no):
            return
        alarms[event.condition] = event

    def worst(self, device_id: str) -> AlarmEvent | None:
        """The most urgent alarm of a device that is open."""
        return min(self._shown(device_id), key=_urgency, default=None)

    def _shown(self, device_id: str) -> Iterable[AlarmEvent]:
        alarms = self._last.get(device_id, {}).values()
        return (event for event in alarms if event.state_to not in _NOT_SHOWN)


def _urgency(event: AlarmEvent) -> tuple[int, int, int]:
    """Answered ones last, then by priority."""
    state = _STATES.index(event.state_to) if event.state_to in _STATES else len(_STATES)
    return int(state > 1), _PRIORITIES.index(event.priority), state
