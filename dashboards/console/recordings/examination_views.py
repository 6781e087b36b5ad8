"""A live examination over the interface: begin, send sound and get findings, save or discard."""

from typing import Any

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ParseError, PermissionDenied, ValidationError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboards.console.audit import log
from dashboards.console.people.models import access_of
from dashboards.console.recordings import examinations, limits, rights
from dashboards.console.recordings.api_views import note_upload
from dashboards.console.recordings.examinations import ExaminationError
from dashboards.console.recordings.models import Examination
from dashboards.console.recordings.serializers import (
    BeginSerializer,
    BegunSerializer,
    DetailSerializer,
    HeardSerializer,
    RecordingSerializer,
    SaveSerializer,
)

_MOST_SAMPLES = round(limits.EXAMINATION_LONGEST_S * max(limits.EXAMINATION_RATES_HZ))
_MOST_WINDOWS = 10_000


class PcmParser(BaseParser):
    """16-bit samples, little-endian."""

    media_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> bytes:  # noqa: ARG002
        pcm: bytes = stream.read(limits.MOST_CHUNK_BYTES + 2)
        return pcm


class Examinations(APIView):
    """Live examinations."""

    parser_classes = (JSONParser,)

    @extend_schema(
        request=BeginSerializer,
        responses={201: BegunSerializer, 400: DetailSerializer},
        operation_id="examinations_begin",
    )
    def post(self, request: Any) -> Response:
        """Begin one; it is forgotten when nothing comes for a quarter of an hour."""
        form = BeginSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        if not rights.may_upload(access_of(request.user), asked["ward"]):
            raise PermissionDenied("an examination needs the role nurse in this ward")
        if Examination.objects.filter(owner=request.user).count() >= limits.MOST_EXAMINATIONS:
            raise ValidationError({"detail": "save or discard your other examinations first"})
        begun = Examination.objects.create(owner=request.user, **asked)
        examinations.prepare()
        log.note(request, "examine", ward=begun.ward, subject=str(begun.pk))
        answer = {"id": begun.pk, "longest_s": limits.EXAMINATION_LONGEST_S}
        return Response(BegunSerializer(answer).data, status=201)


class OneExamination(APIView):
    """One examination, of whoever began it."""

    @extend_schema(responses={204: None}, operation_id="examinations_discard")
    def delete(self, request: Any, examination_id: Any) -> Response:
        """Discard it; nothing of it is kept."""
        _own(request, examination_id).delete()
        return Response(status=204)


class Chunks(APIView):
    """The sound of an examination."""

    parser_classes = (PcmParser,)

    @extend_schema(
        parameters=[
            OpenApiParameter("first_sample", int, required=True),
            OpenApiParameter("windows_known", int, description="Findings that the asker has."),
        ],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: HeardSerializer, 400: DetailSerializer},
        operation_id="examinations_hear",
    )
    def post(self, request: Any, examination_id: Any) -> Response:
        """Send samples that follow those before; the same ones again are kept once."""
        examination = _own(request, examination_id)
        first_sample = _number(request, "first_sample", _MOST_SAMPLES)
        windows_known = _number(request, "windows_known", _MOST_WINDOWS)
        pcm = request.data if isinstance(request.data, bytes) else b""
        try:
            heard = examinations.hear_chunk(examination, first_sample, pcm, windows_known)
        except ExaminationError as error:
            raise ValidationError({"detail": str(error), "samples": examination.samples}) from None
        return Response(
            {
                "samples": heard.samples,
                "is_full": heard.is_full,
                "windows": msgspec.to_builtins(heard.windows),
            }
        )


class Saving(APIView):
    """Keep an examination."""

    parser_classes = (JSONParser,)

    @extend_schema(
        request=SaveSerializer,
        responses={202: RecordingSerializer, 400: DetailSerializer},
        operation_id="examinations_save",
    )
    def post(self, request: Any, examination_id: Any) -> Response:
        """Make it a recording, which is classified as a whole like any other."""
        form = SaveSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        examination = _own(request, examination_id)
        try:
            recording = examinations.save(examination, form.validated_data["note"])
        except ExaminationError as error:
            raise ValidationError({"detail": str(error)}) from None
        note_upload(request, recording)
        return Response(RecordingSerializer(recording).data, status=202)


def _own(request: Any, examination_id: Any) -> Examination:
    own = Examination.objects.filter(pk=examination_id, owner=request.user)
    found: Examination | None = own.first()
    if found is None or not rights.may_upload(access_of(request.user), found.ward):
        raise NotFound("there is no such examination, or it is not yours")
    return found


def _number(request: Any, name: str, most: int) -> int:
    text = request.query_params.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) <= most):
        raise ParseError(f"{name} is not a whole number from 0 to {most}")
    return int(text)
