"""Who wore a device when: the whole history, so that replayed sound finds its own patient."""

from stream_processors.records import Assignment


class AssignmentHistory:
    """Built from the records of ``pcg.assignments``; lookups may come from another thread."""

    def __init__(self) -> None:
        self._device_of: dict[str, str] = {}
        self._by_device: dict[str, tuple[Assignment, ...]] = {}

    def __len__(self) -> int:
        return len(self._device_of)

    def device_ids(self) -> tuple[str, ...]:
        """All devices of which an assignment is known, past ones included."""
        return tuple(self._by_device)

    def step(self, assignment_id: str, assignment: Assignment | None) -> None:
        """Learn the latest version of an assignment; None takes it back."""
        device_id = self._device_of.pop(assignment_id, None)
        if device_id is not None:
            self._by_device[device_id] = tuple(
                a for a in self._by_device[device_id] if a.assignment_id != assignment_id
            )
        if assignment is not None:
            self._device_of[assignment_id] = assignment.device_id
            others = self._by_device.get(assignment.device_id, ())
            self._by_device[assignment.device_id] = tuple(
                sorted((*others, assignment), key=lambda a: (a.from_us, a.assignment_id))
            )

    def at(self, device_id: str, at_us: int) -> Assignment | None:
        """The assignment in force; where several overlap the one that began last."""
        for assignment in reversed(self._by_device.get(device_id, ())):
            until_us = assignment.until_us
            if assignment.from_us <= at_us and (until_us is None or at_us < until_us):
                return assignment
        return None
