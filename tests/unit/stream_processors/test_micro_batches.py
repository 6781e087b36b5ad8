import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from stream_processors.micro_batches import MicroBatches


class Recorder:
    """Notes the batches and the thread that worked on them; works only while let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[str] = set()
        self.done: list[str] = []
        self.let = threading.Event()
        self.let.set()

    def work(self, jobs: Sequence[str]) -> list[str]:
        assert self.let.wait(5)
        self.threads.add(threading.current_thread().name)
        self.batches.append(list(jobs))
        return [job.upper() for job in jobs]


@asynccontextmanager
async def running(
    recorder: Recorder, *, most: int = 4, wait_s: float = 0.01
) -> AsyncIterator[MicroBatches[str, str]]:
    batches = MicroBatches(work=recorder.work, done=recorder.done.append, most=most, wait_s=wait_s)
    task = asyncio.create_task(batches.run())
    yield batches
    recorder.let.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def until_done(recorder: Recorder, count: int) -> None:
    async with asyncio.timeout(5):
        while len(recorder.done) < count:  # noqa: ASYNC110 (a list has no event)
            await asyncio.sleep(0.001)


async def test_jobs_that_come_close_together_go_together() -> None:
    recorder = Recorder()
    async with running(recorder) as batches:
        await batches.submit(["a"], history=False)
        await batches.submit(["b", "c"], history=False)
        await until_done(recorder, 3)

    assert recorder.batches == [["a", "b", "c"]]
    assert recorder.done == ["A", "B", "C"]
    assert (batches.batches, batches.jobs) == (1, 3)


async def test_a_batch_is_bounded_and_answers_keep_the_order() -> None:
    recorder = Recorder()
    async with running(recorder) as batches:
        await batches.submit([str(n) for n in range(10)], history=False)
        await until_done(recorder, 10)

    assert [len(batch) for batch in recorder.batches] == [4, 4, 2]
    assert recorder.done == [str(n) for n in range(10)]


async def test_work_happens_outside_the_event_loop() -> None:
    recorder = Recorder()
    async with running(recorder) as batches:
        await batches.submit(["a"], history=False)
        await until_done(recorder, 1)

    assert all(name.startswith("inference") for name in recorder.threads)


async def test_the_live_lane_goes_before_history() -> None:
    recorder = Recorder()
    async with running(recorder) as batches:
        await batches.submit(["old1", "old2", "old3"], history=True)
        await batches.submit(["new1", "new2"], history=False)
        await until_done(recorder, 5)

    assert recorder.batches == [["new1", "new2", "old1", "old2"], ["old3"]]


async def test_who_submits_too_much_waits_until_there_is_room() -> None:
    recorder = Recorder()
    recorder.let.clear()
    async with running(recorder) as batches:
        submitting = asyncio.create_task(batches.submit(["x"] * 40, history=False))
        await asyncio.sleep(0.05)
        assert not submitting.done()
        recorder.let.set()
        async with asyncio.timeout(5):
            await submitting


async def test_a_full_history_does_not_hold_the_live_lane_up() -> None:
    recorder = Recorder()
    recorder.let.clear()
    async with running(recorder) as batches:
        history = asyncio.create_task(batches.submit(["x"] * 40, history=True))
        await asyncio.sleep(0.02)
        async with asyncio.timeout(1):
            await batches.submit(["live"], history=False)
        assert not history.done()
        recorder.let.set()
        await history


async def test_clear_forgets_what_waits_and_lets_submitters_go() -> None:
    recorder = Recorder()
    recorder.let.clear()
    async with running(recorder) as batches:
        submitting = asyncio.create_task(batches.submit(["x"] * 40, history=False))
        await asyncio.sleep(0.05)
        batches.clear()
        async with asyncio.timeout(1):
            await submitting
        recorder.let.set()
        await until_done(recorder, 4)
        await asyncio.sleep(0.05)

    assert len(recorder.done) == 4  # what was at work already


async def test_what_the_work_raises_ends_the_run() -> None:
    def work(_jobs: Sequence[str]) -> list[str]:
        raise RuntimeError("broken")

    batches = MicroBatches[str, str](work=work, done=print, most=1, wait_s=0)
    await batches.submit(["a"], history=False)
    with pytest.raises(RuntimeError, match="broken"):
        await batches.run()


async def test_after_a_batch_that_took_long_the_next_waits_for_more() -> None:
    recorder = Recorder()
    async with running(recorder, wait_s=0.0) as batches:
        recorder.let.clear()
        await batches.submit(["long"], history=False)
        await asyncio.sleep(0.1)
        recorder.let.set()
        await until_done(recorder, 1)
        await batches.submit(["a"], history=False)
        await asyncio.sleep(0.02)
        await batches.submit(["b"], history=False)
        await until_done(recorder, 3)
    assert recorder.batches == [["long"], ["a", "b"]]


async def test_a_full_batch_waits_for_nobody() -> None:
    recorder = Recorder()
    async with running(recorder, wait_s=60) as batches:
        await batches.submit(["a", "b", "c", "d"], history=False)
        await until_done(recorder, 4)
    assert recorder.batches == [["a", "b", "c", "d"]]
