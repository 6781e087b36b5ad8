"""Wait for something to become true, and say what did not."""

import time
from collections.abc import Callable


def until(
    condition: Callable[[], bool], what: str, *, timeout_s: float, every_s: float = 0.1
) -> float:
    """Return how long it took; fail the test when it takes too long."""
    began_s = time.monotonic()
    while not condition():
        waited_s = time.monotonic() - began_s
        assert waited_s < timeout_s, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(every_s)
    return time.monotonic() - began_s
