"""Refuse a request whose body is too large before any of it is kept.

Django stores a whole body, in memory or on disk, before any view sees the request.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class _TooLargeError(Exception):
    pass


class BoundedBodies:
    """An ASGI application around another.

    Parameters
    ----------
    most_bytes
        Of any body.
    exceptions
        Of bodies to the paths that are named here, exactly.
    """

    def __init__(self, app: App, *, most_bytes: int, exceptions: Mapping[str, int]) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._exceptions = exceptions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most_bytes = self._exceptions.get(scope["path"], self._most_bytes)
        if _announced(scope) > most_bytes:
            await _refuse(send, most_bytes)
            return
        received = 0

        async def bounded() -> MutableMapping[str, Any]:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most_bytes:
                raise _TooLargeError
            return message

        try:
            await self._app(scope, bounded, send)
        except _TooLargeError:
            await _refuse(send, most_bytes)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse(send: Send, most_bytes: int) -> None:
    words = f"this is too large: {most_bytes / 1024**2:.4g} MiB are the most"
    body = json.dumps({"detail": words}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
