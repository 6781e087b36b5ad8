"""A body that is too large is refused before anybody keeps it."""

import json
from typing import Any

from dashboards.console.lib.bounded_bodies import BoundedBodies, Receive, Scope, Send


class Reader:
    """An application that reads the whole body first, as Django does."""

    def __init__(self) -> None:
        self.kept = 0

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            self.kept += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def _answer(
    app: Reader, path: str, chunks: list[bytes], *, announced: int | None = None
) -> tuple[int, Any]:
    sent: list[Any] = []
    waiting = list(chunks)

    async def receive() -> Any:
        chunk = waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-length", str(announced).encode())] if announced else []
    scope = {"type": "http", "path": path, "headers": headers}
    await BoundedBodies(app, most_bytes=100, exceptions={"/big": 1000})(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body) if body else None


async def test_what_fits_passes() -> None:
    app = Reader()
    assert await _answer(app, "/", [b"x" * 50, b"x" * 50]) == (200, None)
    assert app.kept == 100


async def test_what_announces_too_much_is_refused_unread() -> None:
    app = Reader()
    status, said = await _answer(app, "/", [b"x" * 200], announced=200)
    assert status == 413
    assert "too large" in said["detail"]
    assert app.kept == 0


async def test_what_announces_nothing_is_cut_off_where_it_becomes_too_much() -> None:
    app = Reader()
    status, _ = await _answer(app, "/", [b"x" * 60] * 1000)
    assert status == 413
    assert app.kept <= 100


async def test_one_path_may_take_more() -> None:
    app = Reader()
    assert await _answer(app, "/big", [b"x" * 900]) == (200, None)
    assert (await _answer(app, "/big/other", [b"x" * 900]))[0] == 413
