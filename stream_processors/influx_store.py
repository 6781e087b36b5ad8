"""InfluxDB over HTTP: write points, ask for points, and say which points it will never take."""

import json
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import aiohttp
from influxdb_client import WritePrecision
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.rest import ApiException

from ingest.connections import InfluxConnection
from models.errors import BadInputError, RetryableError, UserError

_TIMEOUT_S = 10.0
# What is wrong with the points themselves: unreadable, of another type than before, too large.
_POINTS_REFUSED = frozenset({400, 413, 422})
_NOT_LET_IN = frozenset({401, 403, 404})
_NOTHING = "# only to see whether writing is allowed"
_NOTHING_EITHER = "SELECT window_index FROM heart WHERE time < 0 LIMIT 1"

_Answer = TypeVar("_Answer")


class Refusal(NamedTuple):
    """A point that the database will never take: its place in the batch, and the server's word."""

    place: int
    reason: str


class Store(Protocol):
    """Takes points and answers InfluxQL; raises `RetryableError` while it is away."""

    async def write(self, lines: Sequence[str]) -> list[Refusal]: ...
    async def ask(self, statements: Sequence[str]) -> Mapping[str, Any]: ...


class _NotLetInError(RetryableError):
    """Token, organisation or bucket are wrong: at the start a mistake, later a disturbance."""


class _PointsRefusedError(BadInputError):
    """Some of these points are refused; what becomes of the others depends on why."""


class InfluxStore:
    """One bucket. Create it inside a running event loop."""

    def __init__(self, connection: InfluxConnection) -> None:
        self._connection = connection
        self._client = InfluxDBClientAsync(
            url=connection.url,
            token=connection.secret(),
            org=connection.org,
            timeout=round(_TIMEOUT_S * 1000),
            ssl_ca_cert=None if connection.ca_file is None else str(connection.ca_file),
        )
        self._writer = self._client.write_api()

    async def close(self) -> None:
        await self._client.close()

    async def require(self) -> None:
        """Make sure at start that the token may write and read the bucket.

        Raises
        ------
        UserError
            In one line: what the server does not accept and which setting to look at.
        RetryableError
            If there is no answer yet.
        """
        try:
            await self._write([_NOTHING])
            await self.ask([_NOTHING_EITHER])
        except _NotLetInError as error:
            raise UserError(
                f"{error}: check HEARTWARD_INFLUX_TOKEN, HEARTWARD_INFLUX_ORG "
                f"({self._connection.org}) and HEARTWARD_INFLUX_BUCKET "
                f"({self._connection.bucket}); the token must be allowed to write and to read"
            ) from None

    async def write(self, lines: Sequence[str]) -> list[Refusal]:
        """Write line protocol with times in microseconds, all but what the server refuses.

        The server names neither every bad point nor does it always keep the good ones, so a
        refused batch is halved until the bad ones stand alone. Points that are written twice on
        the way overwrite themselves.

        Raises
        ------
        RetryableError
            If the server is away, slow or overloaded; some points may be written by then.
        """
        refusals: list[Refusal] = []
        pending = [(0, len(lines))]
        while pending:
            start, stop = pending.pop()
            try:
                await self._write(lines[start:stop])
            except _PointsRefusedError as error:
                if stop - start == 1 or f"dropped={stop - start}" in str(error).split():
                    refusals += (Refusal(place, str(error)) for place in range(start, stop))
                else:
                    middle = (start + stop) // 2
                    pending += [(middle, stop), (start, middle)]
        return refusals

    async def ask(self, statements: Sequence[str]) -> Mapping[str, Any]:
        """Ask in InfluxQL, which every InfluxDB speaks; times in the answer are microseconds.

        Raises
        ------
        RetryableError
            If the server does not answer, or not all of it.
        """
        answer: Mapping[str, Any] = await self._reached(
            self._client.api_client.call_api(
                "/query",
                "POST",
                query_params={"db": self._connection.bucket, "epoch": "u"},
                header_params={
                    "Accept": "application/json",
                    "Content-Type": "application/x-www-form-urlencoded",
                },
                post_params={"q": ";".join(statements)},
                response_type="object",
                _return_http_data_only=True,
            )
        )
        for problem in (part["error"] for part in answer["results"] if "error" in part):
            raise self._away(f"cannot answer: {problem}")
        return answer

    async def _write(self, lines: Sequence[str]) -> None:
        await self._reached(
            self._writer.write(
                bucket=self._connection.bucket,
                record="\n".join(lines).encode(),
                write_precision=WritePrecision.US,
            )
        )

    async def _reached(self, request: Awaitable[_Answer]) -> _Answer:
        """Await a request and put what can go wrong into our own words."""
        try:
            return await request
        except ApiException as error:
            raise self._named(error) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._away(f"does not answer ({error or type(error).__name__})") from None

    def _named(self, error: ApiException) -> BadInputError | RetryableError:
        reason = _reason(error)
        if error.status in _POINTS_REFUSED:
            return _PointsRefusedError(reason)
        if error.status in _NOT_LET_IN:
            return _NotLetInError(f"InfluxDB {self._connection.url}: {reason}", retry_after_s=0.0)
        return self._away(f"answers {error.status} ({reason})", _retry_after_s(error))

    def _away(self, what: str, retry_after_s: float = 0.0) -> RetryableError:
        return RetryableError(
            f"InfluxDB {self._connection.url} {what}", retry_after_s=retry_after_s
        )


def _reason(error: ApiException) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason)


def _retry_after_s(error: ApiException) -> float:
    """What the server asks for in seconds; a date, which it may also send, is not waited for."""
    asked = (error.headers or {}).get("Retry-After", "")
    return float(asked) if asked.isdigit() else 0.0
