"""Who may listen to what: filtered sound is for clinicians, raw sound a right of its own."""

from typing import Any, Literal

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import PermissionDenied, ValidationError

from dashboards.console.api.permissions import require
from dashboards.console.audit import log
from dashboards.console.people.access import Role

KIND = OpenApiParameter(
    "kind",
    str,
    enum=["filtered", "raw"],
    description="By default filtered of a bed, raw of a clip.",
)
Kind = Literal["filtered", "raw"]
AUDITED: dict[Kind, log.Action] = {"filtered": "listen", "raw": "listen raw"}


def listened_kind(request: Any, ward: str | None, *, default: Kind) -> Kind:
    """The kind of sound of this ward that is asked for and may be heard.

    Raises
    ------
    NotFound, PermissionDenied, ValidationError
    """
    access = require(request, Role.VIEWER, ward)
    asked = request.query_params.get("kind", default)
    kind = next((known for known in AUDITED if known == asked), None)
    if kind is None:
        raise ValidationError({"kind": "filtered or raw"})
    if kind == "raw" and not access.may_listen_raw(ward):
        raise PermissionDenied("listening to raw sound is a right of its own")
    if kind == "filtered":
        require(request, Role.CLINICIAN, ward)
    return kind
