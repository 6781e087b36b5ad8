"""What was: results, minutes, alarms, clips; notes and labels, which people add."""

import time
from typing import Any

import msgspec
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.mixins import CreateModelMixin
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboards.console.api import history_serializers as shapes
from dashboards.console.api.listening import AUDITED, KIND, listened_kind
from dashboards.console.api.permissions import require
from dashboards.console.api.tables import FILTERS, FROM, UNTIL, OfWards, time_parameter
from dashboards.console.audit import log
from dashboards.console.history.labels import (
    SHOWN_FOR_US,
    Judged,
    LabelError,
    label,
    of_alarm,
    raised,
)
from dashboards.console.history.models import AlarmTransition, Clip, Label, Minute, Note, Window
from dashboards.console.history.sound import from_flac
from dashboards.console.history.trends import trend_of
from dashboards.console.live import current
from dashboards.console.live.beds import main_finding
from dashboards.console.people.access import Role
from stream_processors.records import Finding

Answer = Any

_AHEAD_US = 5_000_000  # of a page whose clock is a little fast


@extend_schema_view(get=extend_schema(operation_id="results_list"))
class Results(OfWards):
    """Every window of the last days, the newest first."""

    rows = Window.objects.order_by("-start_us")
    serializer_class = shapes.WindowSerializer
    time_field = "start_us"


class Minutes(OfWards):
    """Heart rate, findings, quality and gaps, summed up by the minute, the oldest first."""

    rows = Minute.objects.order_by("minute_us")
    serializer_class = shapes.MinuteSerializer
    time_field = "minute_us"


class AlarmHistory(OfWards):
    """Every transition of every alarm, the newest first."""

    rows = AlarmTransition.objects.all()
    serializer_class = shapes.TransitionSerializer
    filters = ("device_id", "patient_id", "episode_id", "condition", "transition")


class Clips(OfWards):
    """Raw sound that was kept around alarms."""

    rows = Clip.objects.all()
    serializer_class = shapes.ClipSerializer
    time_field = "from_us"
    filters = ("device_id", "patient_id", "episode_id")


class ClipSound(APIView):
    """The sound of a clip."""

    @extend_schema(
        parameters=[
            KIND,
            OpenApiParameter(
                "form", str, enum=["wav", "flac"], description="Of raw sound; else wav."
            ),
        ],
        responses={(200, "audio/wav"): OpenApiTypes.BINARY},
    )
    def get(self, request: Any, clip_id: str) -> HttpResponse:
        """Send it, as browsers can play it or as FLAC bit for bit; written down as listening."""
        clip = Clip.objects.filter(pk=clip_id, state="kept").first()
        if clip is None:
            raise NotFound("there is no such thing, or not for you")
        kind = listened_kind(request, clip.ward, default="raw")
        log.note(request, AUDITED[kind], ward=clip.ward, subject=clip.device_id, clip=str(clip.pk))
        with clip.file.open("rb") as file:
            data = file.read()
        if kind == "raw" and request.query_params.get("form") == "flac":
            return HttpResponse(data, content_type="audio/flac")
        from dashboards.console.history.playing import as_wav, filtered  # noqa: PLC0415 (slow)

        sound = from_flac(data, clip.from_us)
        wav = as_wav(sound if kind == "raw" else filtered(sound))
        return HttpResponse(wav, content_type="audio/wav")


@extend_schema_view(post=extend_schema(parameters=[], responses={201: shapes.NoteSerializer}))
class Notes(CreateModelMixin, OfWards):
    """Notes for the next shift."""

    rows = Note.objects.all()
    serializer_class = shapes.NoteSerializer

    def post(self, request: Any) -> Answer:
        """Write a note of the patient who wears this device now."""
        return self.create(request)

    def perform_create(self, serializer: Any) -> None:
        device_id = serializer.validated_data["device_id"]
        known = current.filled_room().ward.bed(device_id)
        if known is None or known.assignment is None:
            raise NotFound("there is no such thing, or not for you")
        require(self.request, Role.NURSE, known.ward)
        serializer.save(
            patient_id=known.assignment.patient_id,
            ward=known.assignment.ward,
            bed=known.assignment.bed,
            at_us=time.time_ns() // 1000,
            author=self.request.user.get_username(),
        )
        log.note(self.request, "note", ward=known.ward, subject=device_id)


class Labels(CreateModelMixin, OfWards):
    """Clinicians' verdicts on alarms, and on moments of beds."""

    rows = Label.objects.all()
    serializer_class = shapes.LabelSerializer
    filters = ("device_id", "patient_id", "episode_id", "verdict")
    time_field = "id"

    @extend_schema(parameters=[p for p in FILTERS if not p.name.endswith("_us")])
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Answer:
        return super().get(request, *args, **kwargs)

    @extend_schema(parameters=[], responses={201: shapes.LabelSerializer})
    def post(self, request: Any) -> Answer:
        """Say whether an alarm, or what is shown at a moment, is right; its sound is kept."""
        return self.create(request)

    def perform_create(self, serializer: Any) -> None:
        asked = serializer.validated_data
        judged = _judged(asked)
        if judged is None:
            raise NotFound("there is no such thing, or not for you")
        require(self.request, Role.CLINICIAN, judged.ward)
        try:
            serializer.instance = label(
                judged,
                verdict=asked["verdict"],
                corrected=asked.get("corrected", ""),
                author=self.request.user.get_username(),
                shown=_on_screen(judged),
            )
        except LabelError as error:
            raise ValidationError({"detail": str(error)}) from None
        subject = judged.episode_id or judged.device_id
        log.note(self.request, "label", ward=judged.ward, subject=subject)


def _judged(asked: dict[str, Any]) -> Judged | None:
    """An alarm, or a moment of who wears the device now; None where there is no such thing."""
    if asked.get("episode_id"):
        alarm = raised(asked["episode_id"])
        return None if alarm is None else of_alarm(alarm)
    known, at_us = current.filled_room().ward.bed(asked["device_id"]), asked["at_us"]
    worn = None if known is None else known.assignment
    if worn is None:
        return None
    if not worn.from_us <= at_us <= time.time_ns() // 1000 + _AHEAD_US:
        raise ValidationError({"at_us": "nobody wore it then, or that is to come"})
    return Judged(worn.device_id, worn.patient_id, worn.ward, worn.bed, at_us)


def _on_screen(judged: Judged) -> Finding | None:
    """What the bed has shown since before a moment: the database has that a little later."""
    bed = None if judged.episode_id else current.filled_room().ward.bed(judged.device_id)
    if bed is None or bed.latest is None:
        return None
    is_shown = 0 <= judged.at_us - bed.published_us < SHOWN_FOR_US
    return main_finding(bed.latest.findings) if is_shown else None


class AlarmStrip(APIView):
    """The filtered sound that caused an alarm, int16 little endian."""

    @extend_schema(operation_id="alarm_strip", responses={(200, "application/octet-stream"): bytes})
    def get(self, request: Any, episode_id: str) -> HttpResponse:
        """Send it with its rate in the header X-Sample-Rate."""
        alarm = raised(episode_id)
        if alarm is None or alarm.strip is None:
            raise NotFound("there is no such thing, or not for you")
        require(request, Role.VIEWER, alarm.ward)
        answer = HttpResponse(bytes(alarm.strip), content_type="application/octet-stream")
        answer.headers["X-Sample-Rate"] = str(alarm.strip_rate_hz)
        return answer


class BedTrend(APIView):
    """Trends of the patient who wears a device now, for a plot."""

    @extend_schema(parameters=[FROM, UNTIL], responses=shapes.TrendSerializer)
    def get(self, request: Any, device_id: str) -> Response:
        """The last hour, or what lies between two times."""
        known = current.filled_room().ward.bed(device_id)
        if known is None:
            raise NotFound("there is no such thing, or not for you")
        require(request, Role.VIEWER, known.ward)
        until_us = time_parameter(request, "until_us") or time.time_ns() // 1000
        from_us = time_parameter(request, "from_us") or until_us - 3600 * 1_000_000
        if from_us >= until_us:
            raise ValidationError({"from_us": "it is not before until_us"})
        # Of nobody's device what nobody's sound said: the patient before may lie in another ward.
        patient_id = "" if known.assignment is None else known.assignment.patient_id
        return Response(msgspec.to_builtins(trend_of(device_id, from_us, until_us, patient_id)))
