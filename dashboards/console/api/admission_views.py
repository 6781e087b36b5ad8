"""Devices, patients, assignments and users."""

import time
from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.generics import ListAPIView, ListCreateAPIView, RetrieveUpdateAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboards.console.admissions import desk
from dashboards.console.admissions.models import Assignment, Device, Patient, current
from dashboards.console.admissions.rights import may_take, seen_devices
from dashboards.console.api import admission_serializers as shapes
from dashboards.console.api.permissions import IsAdministrator, require
from dashboards.console.audit import log
from dashboards.console.people.access import Role
from dashboards.console.people.models import access_of


def _of_wards(request: Any, field: str) -> dict[str, object]:
    """A filter for what lies in the asker's wards."""
    wards = access_of(request.user).wards(Role.VIEWER)
    return {} if wards is None else {f"{field}__in": list(wards)}


class Devices(ListCreateAPIView):
    """Devices that are known; those of other wards are not shown."""

    serializer_class = shapes.DeviceSerializer

    def get_queryset(self) -> Any:
        return seen_devices(access_of(self.request.user))

    def perform_create(self, serializer: Any) -> None:
        if not access_of(self.request.user).may(Role.NURSE, None):
            raise PermissionDenied("this needs the role nurse")
        values = serializer.validated_data
        serializer.instance, _ = Device.objects.update_or_create(
            device_id=values["device_id"], defaults={"note": values.get("note", "")}
        )


class Patients(ListAPIView):
    """Pseudonyms that are or were in the asker's wards."""

    serializer_class = shapes.PatientSerializer

    def get_queryset(self) -> Any:
        of_wards = _of_wards(self.request, "assignments__bed__ward__name")
        return Patient.objects.filter(**of_wards).distinct()


class Assignments(ListAPIView):
    """Who wore what where, the newest first."""

    serializer_class = shapes.AssignmentSerializer

    def get_queryset(self) -> Any:
        of_wards = _of_wards(self.request, "bed__ward__name")
        return Assignment.objects.filter(**of_wards).select_related(
            "device", "patient", "bed__ward"
        )

    @extend_schema(
        request=shapes.NewAssignmentSerializer, responses={201: shapes.AssignmentSerializer}
    )
    def post(self, request: Any) -> Response:
        """From now on this patient, in this bed, wears this device."""
        form = shapes.NewAssignmentSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        require(request, Role.NURSE, asked["ward"])
        if not may_take(access_of(request.user), asked["device_id"], asked["patient_id"]):
            raise PermissionDenied("the device or the patient is in a ward of others")
        made = desk.assign(
            device_id=asked["device_id"],
            pseudonym=asked["patient_id"],
            ward=asked["ward"],
            bed=asked["bed"],
        )
        log.note(request, "admit", ward=asked["ward"], subject=made.assignment_id, bed=asked["bed"])
        return Response(shapes.AssignmentSerializer(made).data, status=201)


class OneAssignment(APIView):
    """What can be done to an assignment that is in force."""

    needed = Role.NURSE

    def assignment(self, request: Any, assignment_id: str) -> Assignment:
        """The assignment; raises `NotFound` where there is none, it is over, or not for you."""
        found: Assignment | None = (
            current(time.time_ns() // 1000).filter(assignment_id=assignment_id).first()
        )
        if found is None:
            raise NotFound("there is no such thing, or not for you")
        require(request, self.needed, found.bed.ward.name)
        return found


class Move(OneAssignment):
    @extend_schema(request=shapes.PlaceSerializer, responses=shapes.AssignmentSerializer)
    def post(self, request: Any, assignment_id: str) -> Response:
        """Move the patient with the device to another bed."""
        assignment = self.assignment(request, assignment_id)
        form = shapes.PlaceSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        require(request, Role.NURSE, form.validated_data["ward"])
        moved = desk.move(assignment, **form.validated_data)
        log.note(request, "move", ward=moved.bed.ward.name, subject=moved.assignment_id)
        return Response(shapes.AssignmentSerializer(moved).data)


class Discharge(OneAssignment):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Any, assignment_id: str) -> Response:
        """End the assignment."""
        assignment = self.assignment(request, assignment_id)
        desk.discharge(assignment)
        log.note(request, "discharge", ward=assignment.bed.ward.name, subject=assignment_id)
        return Response(status=204)


class Limits(OneAssignment):
    needed = Role.CLINICIAN

    @extend_schema(request=shapes.LimitsSerializer, responses=shapes.AssignmentSerializer)
    def put(self, request: Any, assignment_id: str) -> Response:
        """Hold this patient's alarms against these limits; what is not named is the ward's."""
        assignment = self.assignment(request, assignment_id)
        form = shapes.LimitsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        limits = form.validated_data["limits"]
        desk.change_limits(assignment, limits, request.user.get_username())
        log.note(
            request,
            "change limits",
            ward=assignment.bed.ward.name,
            subject=assignment_id,
            limits=limits,
        )
        return Response(shapes.AssignmentSerializer(assignment).data)


class Users(ListCreateAPIView):
    """People; for administrators of every ward."""

    serializer_class = shapes.UserSerializer
    permission_classes = (IsAdministrator,)

    def get_queryset(self) -> Any:
        model = shapes.UserSerializer.Meta.model
        return model.objects.prefetch_related("memberships").order_by("username")

    def perform_create(self, serializer: Any) -> None:
        made = serializer.save()
        log.note(
            self.request,
            "user changed",
            subject=made.username,
            made=True,
            granted=_granted(made),
        )


class OneUser(RetrieveUpdateAPIView):
    """One of them: roles, and whether the account is open."""

    serializer_class = shapes.UserChangeSerializer
    permission_classes = (IsAdministrator,)
    http_method_names = ("get", "patch", "head", "options")

    def get_queryset(self) -> Any:
        return shapes.UserChangeSerializer.Meta.model.objects.prefetch_related("memberships")

    @transaction.atomic
    def perform_update(self, serializer: Any) -> None:
        if serializer.instance == self.request.user:
            raise PermissionDenied("nobody changes the own rights")
        changed = serializer.save()
        log.note(
            self.request,
            "user changed",
            subject=changed.username,
            changed=", ".join(sorted(serializer.validated_data)),
            is_active=changed.is_active,
            granted=_granted(changed),
        )


def _granted(user: Any) -> str:
    """All that somebody may from now on, in words."""
    return "; ".join(held.in_words() for held in user.memberships.order_by("ward"))
