"""The console as an ASGI application: Django, and what runs beside it while it is up."""

import os
import warnings
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboards.console.settings")

import django

django.setup(set_prefix=False)
# Of static files, which are small and come from a disk.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

from django.conf import settings  # noqa: E402 (Django's apps must be ready)

from dashboards.console.background import Background  # noqa: E402
from dashboards.console.lib.bounded_bodies import BoundedBodies  # noqa: E402
from dashboards.console.lib.turns import TurnTaking  # noqa: E402
from dashboards.console.recordings.limits import MOST_BYTES  # noqa: E402
from ingest.connections import KafkaConnection, load  # noqa: E402

_FORM_BYTES = 64 * 1024  # what a form says beside its files

_AT_ONCE = 24  # a PostgreSQL as it comes has a hundred connections, for all consoles


def _needs_none(path: str) -> bool:
    return path.startswith("/static/") or path.endswith("/feed") or path == "/api/v1/health"


_bounded = BoundedBodies(
    TurnTaking(at_once=_AT_ONCE, needs_none=_needs_none),
    most_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    exceptions={"/api/v1/recordings": MOST_BYTES + _FORM_BYTES},
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await _bounded(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    background = Background(load(KafkaConnection))
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await background.start()
            await send({"type": "lifespan.startup.complete"})
        else:
            await background.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
