"""Windows wait for each other and go through the models together, in a thread of their own."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

_Job = TypeVar("_Job")
_Answer = TypeVar("_Answer")


class MicroBatches(Generic[_Job, _Answer]):
    """Bounded in number and in time, and so is what may wait; the live lane goes first.

    Parameters
    ----------
    work
        Runs in the thread.
    done
        Runs in the event loop with every answer, in the order of the jobs.
    most, wait_s
        How many jobs go together at most, and how long the first one waits for others.
    """

    def __init__(
        self,
        *,
        work: Callable[[Sequence[_Job]], list[_Answer]],
        done: Callable[[_Answer], None],
        most: int,
        wait_s: float,
    ) -> None:
        self.batches = 0
        self.jobs = 0
        self._work = work
        self._done = done
        self._most = most
        self._wait_s = wait_s
        self._live: deque[_Job] = deque()
        self._history: deque[_Job] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    async def submit(self, jobs: Sequence[_Job], *, history: bool) -> None:
        """Queue jobs; return when there is room for more."""
        queue = self._history if history else self._live
        queue.extend(jobs)
        self._filled.set()
        while len(queue) > 4 * self._most:
            self._emptied.clear()
            await self._emptied.wait()

    def clear(self) -> None:
        """Forget what waits."""
        self._live.clear()
        self._history.clear()
        self._emptied.set()

    async def run(self) -> None:
        """Work until cancelled; raises what the work raises."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="inference") as thread:
            while True:
                await self._filled.wait()
                if len(self._live) + len(self._history) < self._most:
                    await asyncio.sleep(self._wait_s)
                batch = self._take()
                if batch:
                    for answer in await loop.run_in_executor(thread, self._work, batch):
                        self._done(answer)

    def _take(self) -> list[_Job]:
        batch: list[_Job] = []
        for queue in (self._live, self._history):
            while queue and len(batch) < self._most:
                batch.append(queue.popleft())
        if not (self._live or self._history):
            self._filled.clear()
        self._emptied.set()
        self.batches += bool(batch)
        self.jobs += len(batch)
        return batch
