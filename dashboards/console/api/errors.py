"""What an error looks like: ``{"detail": ...}``, or the fields that are wrong."""

from typing import Any

from django.db import DatabaseError, DataError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from dashboards.console.admissions.desk import AdmissionError
from dashboards.console.history.sound import SoundError
from dashboards.console.live.current import NotYetError

_IN_ITS_WORDS: dict[type[Exception], int] = {AdmissionError: 400, SoundError: 404}


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """An answer for what people may cause; the rest is ours and stays an error."""
    status = next((s for kind, s in _IN_ITS_WORDS.items() if isinstance(error, kind)), None)
    if status is not None:
        return Response({"detail": str(error)}, status=status)
    if isinstance(error, NotYetError):
        return Response({"detail": str(error)}, status=503, headers={"Retry-After": "1"})
    if isinstance(error, RecursionError):
        return Response({"detail": "the body is nested too deeply"}, status=400)
    if isinstance(error, DataError):
        return Response({"detail": "a value is none that can be stored"}, status=400)
    if isinstance(error, DatabaseError):
        return Response({"detail": "the database does not answer; try again"}, status=503)
    response: Response | None = exception_handler(error, context)
    return response
