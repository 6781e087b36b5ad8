"""Django as an ASGI application in which only so many requests go on at once."""

import asyncio
from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.db import connections
from django.http.response import HttpResponseBase


def leave_database() -> None:
    """Close this thread's connections that are too old; one in a transaction is still needed."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


class TurnTaking(ASGIHandler):
    """The others wait in the order in which they came; what they sent has come by then.

    Each request has a thread and in it a connection of its own to the database, which has an end
    of those, and needs some for what runs beside the pages.

    Parameters
    ----------
    at_once
        Requests that go on.
    needs_none
        Whether a path needs no database, or, like a feed, leaves it by itself: it does not wait.
    """

    def __init__(self, *, at_once: int, needs_none: Callable[[str], bool]) -> None:
        super().__init__()
        self._turns = asyncio.Semaphore(at_once)
        self._needs_none = needs_none

    async def get_response_async(self, request: ASGIRequest) -> HttpResponseBase:
        if self._needs_none(request.path):
            answer: HttpResponseBase = await super().get_response_async(request)
            return answer
        async with self._turns:
            try:
                answer = await super().get_response_async(request)
            finally:  # and not once it is sent: the next in turn wants the connection
                await sync_to_async(leave_database)()
        return answer
