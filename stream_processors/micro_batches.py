"""Windows wait for each other and go through the models together, in a thread of their own."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

# A window costs the less the more go with it. So where a batch takes long the next one waits for
# others, too; a thread that has little to do is as quick as ever.
_TIMES_THE_WORK = 2.0
_WAITS_AT_MOST_S = 0.02

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
        How many jobs go together at most, and how long the first one waits for others; longer, up
        to 20 ms, where the batch before has taken long.
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
        self._full = asyncio.Event()
        self._emptied = asyncio.Event()

    async def submit(self, jobs: Sequence[_Job], *, history: bool) -> None:
        """Queue jobs; return when there is room for more."""
        queue = self._history if history else self._live
        queue.extend(jobs)
        self._filled.set()
        if self._waiting >= self._most:
            self._full.set()
        while len(queue) > 4 * self._most:
            self._emptied.clear()
            await self._emptied.wait()

    def clear(self) -> None:
        """Forget what waits."""
        self._live.clear()
        self._history.clear()
        self._full.clear()
        self._emptied.set()

    async def run(self) -> None:
        """Work until cancelled; raises what the work raises."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="inference") as thread:
            took_s = 0.0
            while True:
                await self._filled.wait()
                await self._wait_for_others(took_s)
                batch = self._take()
                if batch:
                    began_s = loop.time()
                    answers = await loop.run_in_executor(thread, self._work, batch)
                    took_s = loop.time() - began_s
                    for answer in answers:
                        self._done(answer)

    @property
    def _waiting(self) -> int:
        return len(self._live) + len(self._history)

    async def _wait_for_others(self, took_s: float) -> None:
        wait_s = max(self._wait_s, min(_TIMES_THE_WORK * took_s, _WAITS_AT_MOST_S))
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._full.wait()

    def _take(self) -> list[_Job]:
        batch: list[_Job] = []
        for queue in (self._live, self._history):
            while queue and len(batch) < self._most:
                batch.append(queue.popleft())
        if not self._waiting:
            self._filled.clear()
        if self._waiting < self._most:
            self._full.clear()
        self._emptied.set()
        self.batches += bool(batch)
        self.jobs += len(batch)
        return batch
