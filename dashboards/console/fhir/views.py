"""FHIR R4, read-only: the last minute of each bed as Observations.

GET /fhir/Observation?patient:identifier=PSEUDONYM&code=http://loinc.org|8867-4&_count=50
"""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.urls import reverse
from django.utils.decorators import method_decorator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboards.console.audit import log
from dashboards.console.fhir.documents import Page, bundle, capability, outcome
from dashboards.console.fhir.observations import Heading, headings, observation
from dashboards.console.fhir.search import FORM, SearchError, matching
from dashboards.console.live import current
from dashboards.console.live.beds import LiveBed
from dashboards.console.people.access import Role
from dashboards.console.people.models import access_of

_USUAL, _MOST = 100, 200
_MOST_DIGITS = 9
_FHIR = {(200, "application/fhir+json"): OpenApiTypes.OBJECT}
_SEARCH = [
    OpenApiParameter("code", str, description="CODE or SYSTEM|CODE; several with a comma."),
    OpenApiParameter("category", str, description="vital-signs or exam."),
    OpenApiParameter("patient", str, description="Pseudonym; also patient:identifier."),
    OpenApiParameter("device", str, description="Device id; also device:identifier."),
    OpenApiParameter("date", str, description="For instance ge2026-01-31T09:30:00Z."),
    OpenApiParameter("_id", str),
    OpenApiParameter("_count", int, description=f"At most {_MOST} on a page."),
    OpenApiParameter("_offset", int, description="As the links of a bundle say."),
]


class FhirJson(JSONRenderer):
    media_type = "application/fhir+json"
    format = "fhir"


class _Fhir(APIView):
    renderer_classes = (FhirJson, JSONRenderer)

    def handle_exception(self, exc: Exception) -> Response:
        """As R4 words it."""
        response: Response = super().handle_exception(exc)
        response.data = outcome(response.status_code, _in_words(response.data))
        return response


@method_decorator(login_not_required, name="dispatch")
class Metadata(_Fhir):
    """Open, as clients read from it how to log in; it tells of no patient."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses=_FHIR, operation_id="fhir_metadata", auth=[])
    def get(self, request: Any) -> Response:
        """What this server can do."""
        address = _address(request).removesuffix("/Observation")
        return Response(capability(address, version("heartward")))


class Observations(_Fhir):
    @extend_schema(operation_id="fhir_observations", parameters=_SEARCH, responses=_FHIR)
    def get(self, request: Any) -> Response:
        """The newest first; of the wards that the asker may see."""
        given = [
            (name, value)
            for name, values in request.query_params.lists()
            for value in values
            if name not in FORM
        ]
        asked = [(name, value) for name, value in given if name not in ("_count", "_offset")]
        page = Page(
            _address(request),
            asked,
            _number(request, "_offset", 0),
            min(_number(request, "_count", _USUAL), _MOST),
        )
        try:
            found = matching(_headings(request), asked)
        except SearchError as error:
            raise ValidationError({"detail": str(error)}) from None
        shown = page.of(found)
        _write_down(request, shown)
        return Response(bundle(list(map(observation, shown)), page, total=len(found)))


class OneObservation(_Fhir):
    @extend_schema(responses=_FHIR, operation_id="fhir_observation")
    def get(self, request: Any, identity: str) -> Response:
        """While it is one of the last minute; that it was looked at is written down."""
        shown = [one for one in _headings(request) if one.id == identity]
        if not shown:
            raise NotFound("there is no such thing, or not for you")
        _write_down(request, shown)
        return Response(observation(shown[0]))


def _seen(request: Any) -> list[LiveBed]:
    access = access_of(request.user)
    beds = current.filled_room().ward.beds()
    return [bed for bed in beds if access.may(Role.VIEWER, bed.ward)]


def _headings(request: Any) -> Iterator[Heading]:
    """Of all that may be seen, the newest first."""
    results = [result for bed in _seen(request) for result in list(bed.strips)]
    results.sort(key=lambda result: result.start_us, reverse=True)
    return (heading for result in results for heading in headings(result))


def _write_down(request: Any, shown: Sequence[Heading]) -> None:
    """One entry by the hour for each ward of which something was shown, for its administrators."""
    ward_of = {bed.device_id: bed.ward for bed in _seen(request)}
    wards = {ward_of.get(one.result.device_id) or "" for one in shown}
    for ward in sorted(wards):
        log.note_view(request, ward=ward, subject="FHIR", within=log.HOUR)


def _address(request: Any) -> str:
    return str(request.build_absolute_uri(reverse("fhir-observations")))


def _number(request: Any, name: str, usual: int) -> int:
    text = request.query_params.get(name) or str(usual)
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise ValidationError({"detail": f"{name} is no number"})
    return int(text)


def _in_words(data: Any) -> str:
    """Of an error as the rest of the interface words it."""
    detail = data.get("detail", data) if isinstance(data, dict) else data
    return " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)
