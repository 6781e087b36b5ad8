"""Recordings over the interface: upload, list, fetch, listen, delete."""

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboards.console.api.pagination import Pages
from dashboards.console.audit import log
from dashboards.console.people.models import access_of
from dashboards.console.recordings import jobs, rights
from dashboards.console.recordings.intake import Belongs, take_in_once
from dashboards.console.recordings.kinds import RefusedError
from dashboards.console.recordings.models import Recording, State
from dashboards.console.recordings.search import FINDINGS, VERDICTS, SearchError, narrowed
from dashboards.console.recordings.serializers import (
    DetailSerializer,
    RecordingDetailSerializer,
    RecordingSerializer,
    UploadSerializer,
)

_ABSENT = "there is no such recording, or not for you"
_BINARY = {(200, "audio/wav"): OpenApiTypes.BINARY}
_ASKED = ("search", "ward", "finding", "verdict", "state", "from", "until")
_FILTERS = [
    OpenApiParameter("search", str, description="Words of the name, the note or the patient."),
    OpenApiParameter("ward", str),
    OpenApiParameter("finding", str, enum=FINDINGS),
    OpenApiParameter("verdict", str, enum=VERDICTS),
    OpenApiParameter("state", str, enum=State.values),
    OpenApiParameter("from", OpenApiTypes.DATE, description="Uploaded on this day or later."),
    OpenApiParameter("until", OpenApiTypes.DATE, description="Uploaded on this day or earlier."),
]


def seen(request: Any, recording_id: Any) -> Recording:
    """A recording that the asker may look at; raises `NotFound`."""
    found: Recording | None = rights.seen_by(request.user).filter(pk=recording_id).first()
    if found is None:
        raise NotFound(_ABSENT)
    return found


class Recordings(APIView):
    """Recordings that the asker may see, the latest first."""

    parser_classes = (MultiPartParser, FormParser)
    pagination_class = Pages  # for the document

    @extend_schema(
        parameters=_FILTERS,
        responses={200: RecordingSerializer(many=True), 400: DetailSerializer},
        operation_id="recordings_list",
    )
    def get(self, request: Any) -> Response:
        """List them, in pages."""
        rows = rights.seen_by(request.user).select_related("owner").prefetch_related("jobs")
        try:
            rows = narrowed(rows, {name: request.query_params.get(name, "") for name in _ASKED})
        except SearchError as error:
            raise ValidationError({"detail": str(error)}) from None
        pages = Pages()
        page = pages.paginate_queryset(rows.defer("answer"), request, view=self)
        answer: Response = pages.get_paginated_response(RecordingSerializer(page, many=True).data)
        return answer

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={202: RecordingSerializer, 400: DetailSerializer},
        operation_id="recordings_upload",
    )
    def post(self, request: Any) -> Response:
        """Upload one recording; ask for it until its state is no longer ``queued``."""
        form = UploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        if not rights.may_upload(access_of(request.user), asked["ward"]):
            raise PermissionDenied("uploading needs the role nurse in this ward")
        belongs = Belongs(request.user, asked["ward"], asked["patient_id"], asked["note"])
        try:
            recording, is_new = take_in_once(asked["files"], belongs, asked.get("id"))
        except RefusedError as error:
            raise ValidationError({"detail": str(error)}) from None
        if not is_new:
            return Response(RecordingSerializer(recording).data, status=202)
        note_upload(request, recording)
        return Response(RecordingSerializer(recording).data, status=202)


class OneRecording(APIView):
    """One recording."""

    @extend_schema(responses=RecordingDetailSerializer, operation_id="recordings_retrieve")
    def get(self, request: Any, recording_id: Any) -> Response:
        """With its answer, once there is one; that it was looked at is written down."""
        recording = seen(request, recording_id)
        note_view(request, recording)
        return Response(RecordingDetailSerializer(recording).data)

    @extend_schema(responses={204: None}, operation_id="recordings_delete")
    def delete(self, request: Any, recording_id: Any) -> Response:
        """Delete it with all its sound."""
        recording = seen(request, recording_id)
        if not rights.may_delete(request.user, recording):
            raise PermissionDenied("only who uploaded it or a clinician of the ward may delete it")
        erase(request, recording)
        return Response(status=204)


class Pictures(APIView):
    """What a page draws of a recording."""

    @extend_schema(
        responses={(200, "application/json"): OpenApiTypes.OBJECT},
        operation_id="recordings_pictures",
    )
    def get(self, request: Any, recording_id: Any) -> HttpResponseBase:
        """The filtered waveform and the log-mel spectrogram, in base64."""
        recording = seen(request, recording_id)
        note_view(request, recording)
        return _stored(recording.pictures, "application/json")


class Explanation(APIView):
    """Which regions moved the models' decisions."""

    @extend_schema(
        responses={(200, "application/json"): OpenApiTypes.OBJECT, 204: None},
        operation_id="recordings_saliency",
    )
    def get(self, request: Any, recording_id: Any) -> HttpResponseBase:
        """A map for each model; 204 until it is there."""
        recording = seen(request, recording_id)
        if not recording.saliency:
            return Response(status=204)
        return _stored(recording.saliency, "application/json")


class Sound(APIView):
    """The filtered sound, to be played."""

    @extend_schema(responses=_BINARY, operation_id="recordings_sound")
    def get(self, request: Any, recording_id: Any) -> HttpResponseBase:
        """A WAV file, 25 to 400 Hz; that it was listened to is written down."""
        recording = seen(request, recording_id)
        if not rights.may_listen(request.user, recording):
            raise PermissionDenied("listening needs the role clinician in this ward")
        log.note(request, "listen", ward=recording.ward, subject=str(recording.pk))
        return _stored(recording.heard, "audio/wav")


class Source(APIView):
    """The files as they were uploaded."""

    @extend_schema(
        parameters=[OpenApiParameter("file", str, description="One of several, by its name.")],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        operation_id="recordings_file",
    )
    def get(self, request: Any, recording_id: Any) -> HttpResponseBase:
        """One file, raw: a right of its own, and written down."""
        recording = seen(request, recording_id)
        if not rights.may_listen_raw(request.user, recording):
            raise PermissionDenied("the raw sound is a right of its own")
        name = request.query_params.get("file", "")
        sources = (
            recording.sources.filter(name=name) if name else recording.sources.filter(is_main=1)
        )
        source = None if "\0" in name else sources.first()
        if source is None:
            raise NotFound("there is no such file")
        log.note(request, "listen raw", ward=recording.ward, subject=str(recording.pk))
        answer = _stored(source.file, "application/octet-stream")
        answer.headers["Content-Disposition"] = content_disposition_header(
            as_attachment=True, filename=source.name
        )
        return answer


def note_view(request: Any, recording: Recording) -> None:
    """Write down that it was looked at, once there is something to see."""
    if recording.state == State.DONE:
        log.note_view(request, ward=recording.ward, subject=str(recording.pk))


def note_upload(request: Any, recording: Recording) -> None:
    """Write it down without the file's name, which may be a person's: this log is for ever."""
    log.note(request, "upload", ward=recording.ward, subject=str(recording.pk), kind=recording.kind)


def erase(request: Any, recording: Recording) -> None:
    """Delete a recording, and write down who did."""
    log.note(request, "delete recording", ward=recording.ward, subject=str(recording.pk))
    jobs.remove(recording)


def _stored(file: Any, content_type: str) -> HttpResponseBase:
    if not file:
        raise NotFound("it is not there yet")
    try:
        with file.open("rb") as opened:
            return HttpResponse(opened.read(), content_type=content_type)
    except FileNotFoundError:
        raise NotFound("it has been deleted") from None
