"""Listen: the last seconds of a bed, or any moment that Kafka still holds."""

import time
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.renderers import BaseRenderer
from rest_framework.views import APIView

from dashboards.console.api.listening import AUDITED, KIND, listened_kind
from dashboards.console.api.tables import FROM, UNTIL, time_parameter
from dashboards.console.audit import log
from dashboards.console.history.sound import SoundFinder
from dashboards.console.live import current
from dashboards.console.live.strips import end_us
from ingest.connections import KafkaConnection, load

_LAST_S = 30
_LONGEST_US = 300 * 1_000_000


class Wav(BaseRenderer):
    """So that a browser may ask for sound."""

    media_type = "audio/wav"
    format = "wav"

    def render(self, data: Any, *_: Any, **__: Any) -> Any:
        return data


class BedSound(APIView):
    """The sound of a device."""

    @extend_schema(
        parameters=[
            KIND,
            FROM,
            UNTIL,
        ],
        responses={(200, "audio/wav"): OpenApiTypes.BINARY},
    )
    def get(self, request: Any, device_id: str) -> HttpResponse:
        """Send the last 30 s, or what lies between two times; written down as listening."""
        known = current.filled_room().ward.bed(device_id)
        if known is None:
            raise NotFound("there is no such thing, or not for you")
        kind = listened_kind(request, known.ward, default="filtered")
        latest_us = time.time_ns() // 1000 if known.latest is None else end_us(known.latest)
        from_us, until_us = _span(request, latest_us)
        log.note(
            request,
            AUDITED[kind],
            ward=known.ward,
            subject=device_id,
            from_us=from_us,
            until_us=until_us,
        )
        from dashboards.console.history.playing import as_wav, filtered  # noqa: PLC0415 (slow)

        # Who wore it before may lie in a ward of others.
        patient_id = "" if known.assignment is None else known.assignment.patient_id
        sound = SoundFinder(load(KafkaConnection)).raw(device_id, patient_id, from_us, until_us)
        wanted = sound if kind == "raw" else filtered(sound)
        answer = HttpResponse(as_wav(wanted), content_type="audio/wav")
        answer.headers["X-Missing-Fraction"] = str(sound.missing_fraction)
        return answer


def _span(request: Any, latest_us: int) -> tuple[int, int]:
    until_us = time_parameter(request, "until_us") or latest_us
    from_us = time_parameter(request, "from_us") or until_us - _LAST_S * 1_000_000
    if not 0 < until_us - from_us <= _LONGEST_US:
        raise ValidationError({"from_us": f"0 to {_LONGEST_US // 1_000_000} s before until_us"})
    return from_us, until_us
