"""FHIR R4, read-only: the last minute of each bed as Observations.

GET /fhir/Observation?device=ID&patient=PSEUDONYM&code=8867-4
"""

import time
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboards.console.audit import log
from dashboards.console.fhir.observations import bundle, observations
from dashboards.console.live import current
from dashboards.console.live.beds import LiveBed
from dashboards.console.people.access import Role
from dashboards.console.people.models import access_of

_MOST = 200


class FhirJson(JSONRenderer):
    media_type = "application/fhir+json"
    format = "fhir"


class _Fhir(APIView):
    renderer_classes = (FhirJson, JSONRenderer)


class Metadata(_Fhir):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="fhir_metadata")
    def get(self, _request: Any) -> Response:
        """What this server can do."""
        search = [{"name": name, "type": "token"} for name in ("device", "patient", "code")]
        resource = {
            "type": "Observation",
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "searchParam": search,
        }
        return Response(
            {
                "resourceType": "CapabilityStatement",
                "status": "active",
                "date": datetime.now(UTC).date().isoformat(),
                "kind": "instance",
                "fhirVersion": "4.0.1",
                "format": ["application/fhir+json"],
                "rest": [{"mode": "server", "resource": [resource]}],
            }
        )


class Observations(_Fhir):
    @extend_schema(
        operation_id="fhir_observations",
        parameters=[
            OpenApiParameter("device", str),
            OpenApiParameter("patient", str),
            OpenApiParameter("code", str),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Any) -> Response:
        """The newest first; of the wards that the asker may see."""
        wanted = {name: request.query_params.get(name) for name in ("device", "patient", "code")}
        found = [
            resource
            for bed in _seen(request)
            for result in reversed(list(bed.strips))
            if wanted["device"] in (None, result.device_id)
            and wanted["patient"] in (None, result.patient_id)
            for resource in observations(result)
            if wanted["code"] in (None, resource["code"]["coding"][0]["code"])
        ]
        log.note(request, "view", subject="FHIR", at=time.time_ns() // 1000)
        return Response(bundle(found[:_MOST], request.build_absolute_uri()))


class OneObservation(_Fhir):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="fhir_observation")
    def get(self, request: Any, identity: str) -> Response:
        for bed in _seen(request):
            for result in list(bed.strips):
                for resource in observations(result):
                    if resource["id"] == identity:
                        return Response(resource)
        raise NotFound("there is no such thing, or not for you")


def _seen(request: Any) -> list[LiveBed]:
    access = access_of(request.user)
    beds = sorted(current.filled_room().ward.beds(), key=lambda bed: bed.published_us, reverse=True)
    return [bed for bed in beds if access.may(Role.VIEWER, bed.ward)]
