"""Lists of rows of the asker's wards, in pages, with filters."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView

from dashboards.console.audit import log
from dashboards.console.history.models import seen
from dashboards.console.people.access import Role
from dashboards.console.people.models import access_of

_MOST_US = 2**53

DEVICE = OpenApiParameter("device_id", str, description="Of this device alone.")
PATIENT = OpenApiParameter("patient_id", str, description="Of this pseudonym alone.")
FROM = OpenApiParameter("from_us", int, description="Not before, UTC microseconds.")
UNTIL = OpenApiParameter("until_us", int, description="Before, UTC microseconds.")
FILTERS = (DEVICE, PATIENT, FROM, UNTIL)


def time_parameter(request: Any, name: str) -> int | None:
    """A time of the query; raises `ValidationError` where it is none."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return None
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= _MOST_US:
        raise ValidationError({name: "it is no time in UTC microseconds"})
    return value


@extend_schema(parameters=list(FILTERS))
class OfWards(ListAPIView):
    """Rows with a `ward`; `time_field` is what `from_us` and `until_us` are held against."""

    rows: Any = None
    time_field = "at_us"
    filters: tuple[str, ...] = ("device_id", "patient_id")

    def get_queryset(self) -> Any:
        access = access_of(self.request.user)
        unassigned = access.may(Role.NURSE, None)
        rows = seen(self.rows.all(), access.wards(Role.VIEWER), unassigned=unassigned)
        for name in self.filters:
            value = self.request.query_params.get(name)
            if value:
                rows = rows.filter(**{name: _text(name, value)})
        from_us = time_parameter(self.request, "from_us")
        until_us = time_parameter(self.request, "until_us")
        if from_us is not None:
            rows = rows.filter(**{f"{self.time_field}__gte": from_us})
        if until_us is not None:
            rows = rows.filter(**{f"{self.time_field}__lt": until_us})
        return rows

    def list(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """A page of them; written down by the hour for each ward of which something was shown."""
        answer = super().list(request, *args, **kwargs)
        for ward in sorted({row["ward"] for row in answer.data["results"]}):
            log.note_view(request, ward=ward, subject=request.path, within=log.HOUR)
        return answer


def _text(name: str, value: str) -> str:
    if "\0" in value or len(value) > 200:
        raise ValidationError({name: "it cannot be that"})
    return value
