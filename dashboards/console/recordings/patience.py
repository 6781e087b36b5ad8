"""How long a worker may take: counted by what it computes, not by the clock.

On a busy machine a worker waits for the processor far longer than it computes. That is the fault
neither of the worker nor of the recording, so it is no reason to end the one or refuse the other.
"""

IDLE_S = 60.0  # without a tick of processor time: it waits for what does not come


class Patience:
    """With one order, or one start.

    Parameters
    ----------
    cpu_s
        Processor time that the worker has used so far.
    now_s
        On a clock that never goes back.
    within_cpu_s
        Processor time that it may use from here on.
    """

    def __init__(self, *, cpu_s: float, now_s: float, within_cpu_s: float) -> None:
        self._most_cpu_s = cpu_s + within_cpu_s
        self._cpu_s = cpu_s
        self._moved_s = now_s

    def look(self, *, cpu_s: float, now_s: float) -> None:
        """Take notice of what it has used by now."""
        if cpu_s > self._cpu_s:
            self._cpu_s, self._moved_s = cpu_s, now_s

    @property
    def is_spent(self) -> bool:
        """It has computed for longer than it may."""
        return self._cpu_s > self._most_cpu_s

    def is_stuck(self, now_s: float) -> bool:
        """It has not computed at all for long."""
        return now_s - self._moved_s > IDLE_S
