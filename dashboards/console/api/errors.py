"""What an error looks like: ``{"detail": ...}``, or the fields that are wrong."""

from typing import Any

from django.db import DatabaseError, DataError, IntegrityError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from dashboards.console.admissions.desk import AdmissionError
from dashboards.console.history.sound import SoundError
from dashboards.console.live.current import NotYetError

_IN_ITS_WORDS: dict[type[Exception], int] = {AdmissionError: 400, SoundError: 404}
_AWAY = 503
# The first that fits.
_IN_OURS: dict[type[Exception], tuple[int, str]] = {
    RecursionError: (400, "the body is nested too deeply"),
    DataError: (400, "a value is none that can be stored"),
    IntegrityError: (409, "somebody did the same at this moment; look again"),
    DatabaseError: (_AWAY, "the database does not answer; try again"),
}


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """An answer for what people may cause; the rest is ours and stays an error."""
    status = next((s for kind, s in _IN_ITS_WORDS.items() if isinstance(error, kind)), None)
    if status is not None:
        return Response({"detail": str(error)}, status=status)
    if isinstance(error, NotYetError):
        return Response({"detail": str(error)}, status=503, headers={"Retry-After": "1"})
    for kind, (code, words) in _IN_OURS.items():
        if isinstance(error, kind):
            again = {"Retry-After": "5"} if code == _AWAY else None
            return Response({"detail": words}, status=code, headers=again)
    response: Response | None = exception_handler(error, context)
    return response
