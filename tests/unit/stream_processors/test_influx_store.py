"""What the database's answers mean: written, never, not yet, or a mistake in the settings."""

from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from deploy.embedded import LOOPBACK, free_port
from ingest.connections import InfluxConnection, load
from models.errors import RetryableError, UserError
from stream_processors.influx_store import InfluxStore


class ScriptedDatabase:
    """Answers each request with what a test says, and remembers the lines it was sent."""

    def __init__(self) -> None:
        self.answer: Callable[[list[str]], web.Response] = lambda _lines: web.Response(status=204)
        self.batches: list[list[str]] = []
        self.port = free_port()
        application = web.Application()
        application.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(application)

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self.port).start()

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        if request.path == "/query":
            return web.json_response({"results": [{"statement_id": 0, "error": "timeout"}]})
        self.batches.append((await request.text()).split("\n"))
        return self.answer(self.batches[-1])


@pytest.fixture
async def database() -> AsyncIterator[ScriptedDatabase]:
    database = ScriptedDatabase()
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def store(database: ScriptedDatabase) -> AsyncIterator[InfluxStore]:
    flags = {"url": f"http://{LOOPBACK}:{database.port}"}
    store = InfluxStore(load(InfluxConnection, flags))
    yield store
    await store.close()


def said(status: int, message: str, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response({"message": message}, status=status, headers=named)


async def test_what_is_accepted_is_written_at_once(
    database: ScriptedDatabase, store: InfluxStore
) -> None:
    assert await store.write(["a v=1", "b v=2"]) == []
    assert database.batches == [["a v=1", "b v=2"]]


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_the_bad_point_is_found_and_the_others_are_written(
    database: ScriptedDatabase, store: InfluxStore, status: int
) -> None:
    lines = [f"m v={n}" for n in range(20)]
    database.answer = lambda batch: (
        said(status, "odd") if {"m v=3", "m v=11"} & set(batch) else web.Response(status=204)
    )
    refusals = await store.write(lines)
    assert refusals == [(3, "odd"), (11, "odd")]
    accepted = {line for batch in database.batches for line in batch if len(batch) < 20}
    assert accepted == set(lines)


async def test_a_batch_that_is_refused_whole_is_not_taken_apart(
    database: ScriptedDatabase, store: InfluxStore
) -> None:
    database.answer = lambda batch: said(422, f"partial write: type conflict dropped={len(batch)}")
    refusals = await store.write([f"m v={n}" for n in range(500)])
    assert [refusal.place for refusal in refusals] == list(range(500))
    assert len(database.batches) == 1


async def test_a_partly_refused_batch_is_taken_apart(
    database: ScriptedDatabase, store: InfluxStore
) -> None:
    database.answer = lambda batch: (
        said(422, "type conflict dropped=1") if "m v=2" in batch else web.Response(status=204)
    )
    assert [refusal.place for refusal in await store.write(["m v=1", "m v=2", "m v=3"])] == [1]


@pytest.mark.parametrize("status", [429, 500, 503, 401, 404])
async def test_an_answer_that_says_nothing_of_the_points_is_worth_another_try(
    database: ScriptedDatabase, store: InfluxStore, status: int
) -> None:
    database.answer = lambda _batch: said(status, "not now")
    with pytest.raises(RetryableError, match="not now"):
        await store.write(["a v=1"])


@pytest.mark.parametrize(("asked", "waits_s"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)])
async def test_the_server_says_how_long_to_wait(
    database: ScriptedDatabase, store: InfluxStore, asked: str, waits_s: float
) -> None:
    database.answer = lambda _batch: said(429, "slow down", Retry_After=asked)
    with pytest.raises(RetryableError, match="answers 429") as refused:
        await store.write(["a v=1"])
    assert refused.value.retry_after_s == waits_s


async def test_an_answer_that_is_no_json_is_still_named(
    database: ScriptedDatabase, store: InfluxStore
) -> None:
    database.answer = lambda _batch: web.Response(status=502, reason="Bad Gateway", text="<html>")
    with pytest.raises(RetryableError, match=r"answers 502 \(Bad Gateway\)"):
        await store.write(["a v=1"])


async def test_a_server_that_is_not_there_is_worth_another_try(
    database: ScriptedDatabase, store: InfluxStore
) -> None:
    await database.stop()
    with pytest.raises(RetryableError, match=f"InfluxDB http://{LOOPBACK}:.* does not answer"):
        await store.write(["a v=1"])


async def test_half_an_answer_is_none(store: InfluxStore) -> None:
    with pytest.raises(RetryableError, match="cannot answer: timeout"):
        await store.ask(["SELECT 1"])


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_at_the_start_a_closed_door_is_a_mistake_in_the_settings(
    database: ScriptedDatabase, store: InfluxStore, status: int
) -> None:
    database.answer = lambda _batch: said(status, "no entry")
    with pytest.raises(UserError, match="no entry: check HEARTWARD_INFLUX_TOKEN"):
        await store.require()
