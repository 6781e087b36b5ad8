"""Being asked to end, noted rather than raised.

``KeyboardInterrupt`` comes up wherever the program happens to be, and is lost where Python lets
nothing out: in a ``__del__`` of somebody's library.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def times_asked_to_end() -> Iterator[Callable[[], int]]:
    """Yield a function that says how often the process was asked to end. Main thread only."""
    asked: list[int] = []
    before = [signal.signal(number, lambda n, _frame: asked.append(n)) for number in _ENDING]
    try:
        yield lambda: len(asked)
    finally:
        for number, handler in zip(_ENDING, before, strict=True):
            signal.signal(number, handler)
