"""The live feed over server-sent events.

    GET /api/v1/feed                  the wards that the asker may see
    GET /api/v1/beds/DEVICE/feed      one bed, with whole strips

Events: ``snapshot`` first, then ``bed``, ``strip``, ``pipeline``, ``gone``, and ``pulse`` once a
second, each with one picture of `dashboards.console.live.pictures` as JSON. Who hears nothing for
five seconds should say so loudly: the feed is dead. The asker proves itself with a session or a
token; whether that still holds, and what it may see, is looked up anew every 20 seconds.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django_otp.middleware import OTPMiddleware
from rest_framework.exceptions import AuthenticationFailed

from dashboards.console.lib.turns import leave_database
from dashboards.console.live import current
from dashboards.console.live.hub import Interest, Subscriber, message
from dashboards.console.people.access import Access, Role
from dashboards.console.people.models import access_of
from dashboards.console.people.second_factor import lacks_second_factor
from dashboards.console.people.tokens import TokenAuthentication

_LOOK_AGAIN_S = 20.0
_TURN_S = 5.0
_LOOK_EVERY_S = 0.05
_FILLS_WITHIN_S = 4.0  # a page that hears nothing for five says so loudly
_LOOKS_AT_ONCE = 8  # when all pages of a ward come back together

_looks = asyncio.Semaphore(_LOOKS_AT_ONCE)
_Found = TypeVar("_Found")


@login_not_required
async def ward(request: HttpRequest) -> HttpResponse:
    return await _answer(request, None)


@login_not_required
async def bed(request: HttpRequest, device_id: str) -> HttpResponse:
    return await _answer(request, device_id)


async def _answer(request: HttpRequest, device_id: str | None) -> HttpResponse:
    access = await _looked_up(_access, request)
    if access is None:
        return JsonResponse({"detail": "log in, or give a token"}, status=401)
    if access.highest is None:
        return JsonResponse({"detail": "nothing was granted to you yet"}, status=403)
    await _until_filled()
    if device_id is not None and not _sees(access, device_id):
        return JsonResponse({"detail": "there is no such bed, or not for you"}, status=404)
    response = StreamingHttpResponse(
        _stream(request, interest_of(access, device_id)), content_type="text/event-stream"
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # a proxy passes each event on at once
    return response


async def _looked_up(look: Callable[..., _Found], *given: Any) -> _Found:
    """What the database says; a page that stays open for a shift keeps no connection to it."""

    def and_leave() -> _Found:
        try:
            return look(*given)
        finally:
            leave_database()

    async with _looks:
        return await sync_to_async(and_leave)()


async def _until_filled() -> None:
    """An empty ward must not look like one in which nobody lies; a Kafka that is away is told."""
    until_s = time.monotonic() + _FILLS_WITHIN_S
    # The event is the threads' too.
    while not current.room().filled.is_set() and time.monotonic() < until_s:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_EVERY_S)


def _who(request: HttpRequest) -> Any:
    """The user of the token or of the session; None: nobody who is let in."""
    try:
        by_token = TokenAuthentication().authenticate(request)
    except AuthenticationFailed:
        return None
    user = by_token[0] if by_token else request.user
    if not user.is_authenticated or (by_token is None and lacks_second_factor(user)):
        return None
    return user


def _access(request: HttpRequest) -> Access | None:
    user = _who(request)
    return None if user is None else access_of(user)


def interest_of(access: Access, device_id: str | None = None) -> Interest:
    return Interest(
        wards=access.wards(Role.VIEWER),
        unassigned=access.may(Role.NURSE, None),
        device_id=device_id,
    )


def _sees(access: Access, device_id: str) -> bool:
    known = current.room().ward.bed(device_id)
    return known is not None and access.may(Role.VIEWER, known.ward)


async def _stream(request: HttpRequest, interest: Interest) -> AsyncIterator[bytes]:
    room = current.room()
    subscriber = room.hub.join(interest)
    allowed_until_s = time.monotonic() + _LOOK_AGAIN_S
    try:
        yield b"retry: 1000\n\n"
        yield message("snapshot", room.snapshot(interest))
        while not subscriber.closed:
            data = await _next(subscriber)
            if subscriber.overflowed:
                subscriber.overflowed = False
                data = message("snapshot", room.snapshot(interest))
            if data:
                yield data
            if time.monotonic() > allowed_until_s:
                if await _looked_up(_interest_now, request, interest) != interest:
                    return
                allowed_until_s = time.monotonic() + _LOOK_AGAIN_S
    finally:
        room.hub.leave(subscriber)


async def _next(subscriber: Subscriber) -> bytes:
    with suppress(TimeoutError):
        return await asyncio.wait_for(subscriber.next(), _TURN_S)
    return b""


def _interest_now(request: HttpRequest, interest: Interest) -> Interest | None:
    """What the asker may see by now; a page whose rights have changed is sent away to ask anew.

    Who has logged out, or whose session is over, is nobody by now.
    """
    if request.session.session_key:
        request.session = type(request.session)(request.session.session_key)  # read anew
        request.user = get_user(request)
        OTPMiddleware(lambda _: HttpResponse())(request)
    access = _access(request)
    return None if access is None else interest_of(access, interest.device_id)
