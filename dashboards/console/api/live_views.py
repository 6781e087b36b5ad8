"""The present: health, beds, open alarms, and what people do to them."""

import time
import uuid
from importlib.metadata import version
from typing import Any

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboards.console.api.permissions import require
from dashboards.console.api.serializers import (
    ActionDoneSerializer,
    ActionSerializer,
    AlarmSerializer,
    BedSerializer,
    HealthSerializer,
)
from dashboards.console.audit import log
from dashboards.console.live import current
from dashboards.console.live.pictures import BedPicture
from dashboards.console.outbox.models import post
from dashboards.console.outbox.postman import wait_until_sent, wake_after_commit
from dashboards.console.people.access import Access, Role
from dashboards.console.people.models import access_of
from stream_processors.alarms.parts_heard import PIPELINE
from stream_processors.records import AlarmAction
from stream_processors.topics import ALARM_ACTIONS

_STORED_WITHIN_S = 2.0


@method_decorator(login_not_required, name="dispatch")
class Health(APIView):
    """Whether this console and the monitoring behind it are well; needs no login."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(responses=HealthSerializer, auth=[])
    def get(self, _request: Any) -> Response:
        """Answer even where something is lost: then `status` is ``degraded``."""
        pulse = current.room().ward.pulse(_now_us())
        return Response(
            {
                "status": "degraded" if pulse.lost else "ok",
                "lost": pulse.lost,
                "version": version("heartward"),
                "server_us": pulse.server_us,
            }
        )


class Beds(APIView):
    """All beds that the asker may see, the worst first."""

    @extend_schema(responses=BedSerializer(many=True), operation_id="beds_list")
    def get(self, request: Any) -> Response:
        """List them; there are as many as there are devices, so in one page."""
        now_us = _now_us()
        return Response([_bed(bed, now_us) for bed in seen_beds(access_of(request.user), now_us)])


class Bed(APIView):
    """One bed."""

    @extend_schema(responses=BedSerializer, operation_id="beds_retrieve")
    def get(self, request: Any, device_id: str) -> Response:
        """Show it; that it was looked at is written down."""
        known = current.filled_room().ward.bed(device_id)
        if known is None:
            raise NotFound("there is no such thing, or not for you")
        require(request, Role.VIEWER, known.ward)
        log.note_view(request, ward=known.ward, subject=device_id)
        now_us = _now_us()
        return Response(_bed(known.picture(now_us), now_us))


class OpenAlarms(APIView):
    """Alarms that are open in the asker's wards, the most urgent first."""

    @extend_schema(responses=AlarmSerializer(many=True), operation_id="alarms_open")
    def get(self, request: Any) -> Response:
        beds = seen_beds(access_of(request.user), _now_us())
        alarms = [alarm for bed in beds for alarm in bed.alarms]
        alarms += current.filled_room().ward.pipeline()
        return Response([msgspec.to_builtins(alarm) for alarm in alarms])


class Actions(APIView):
    """Acknowledge, pause the sound, resume, shelve, stand by."""

    @extend_schema(
        request=ActionSerializer, responses={201: ActionDoneSerializer, 202: ActionDoneSerializer}
    )
    def post(self, request: Any) -> Response:
        """Have it done; 202 says that Kafka is away and will be told as soon as it is back."""
        form = ActionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        ward = _ward_of(request, asked["device_id"])
        action = AlarmAction(
            action_id=asked.get("action_id") or uuid.uuid4().hex,
            action=asked["action"],
            episode_id=asked.get("episode_id") or None,
            device_id=asked["device_id"],
            until_us=asked.get("until_us"),
            actor=request.user.get_username(),
            at_us=_now_us(),
        )
        with transaction.atomic():
            number = post(ALARM_ACTIONS, action.device_id or "", action)
            log.note(
                request,
                action.action,
                ward=ward,
                subject=asked["device_id"],
                episode_id=action.episode_id,
            )
            wake_after_commit()
        stored = wait_until_sent(number, timeout_s=_STORED_WITHIN_S)
        answer = {"action_id": action.action_id, "stored": stored}
        return Response(answer, status=201 if stored else 202)


def seen_beds(access: Access, now_us: int) -> list[BedPicture]:
    """Tiles of the wards that may be seen."""
    pictures = current.filled_room().ward.pictures(now_us)
    return [bed for bed in pictures if access.may(Role.VIEWER, bed.ward)]


def _bed(bed: BedPicture, now_us: int) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(bed)
    age_us = None if bed.published_us is None else now_us - bed.published_us
    return shown | {"age_s": None if age_us is None else round(max(0, age_us) / 1e6, 2)}


def _ward_of(request: Any, device_id: str) -> str | None:
    """The ward of a device whose alarms the asker may answer."""
    if device_id == PIPELINE:
        access = access_of(request.user)
        if access.highest is None or access.highest < Role.NURSE:
            raise NotFound("there is no such thing, or not for you")
        return ""
    known = current.filled_room().ward.bed(device_id)
    if known is None:
        raise NotFound("there is no such thing, or not for you")
    require(request, Role.NURSE, known.ward)
    return known.ward


def _now_us() -> int:
    return time.time_ns() // 1000
