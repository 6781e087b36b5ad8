"""Beds, patients, devices, assignments and users, as the interface shows them."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from dashboards.console.admissions import models
from dashboards.console.people.access import Role
from dashboards.console.people.models import Membership


class DeviceSerializer(serializers.ModelSerializer):
    device_id = serializers.RegexField(r"^[A-Za-z0-9_-]{1,64}$")

    class Meta:
        model = models.Device
        fields = ("device_id", "note", "created_at")
        read_only_fields = ("created_at",)


class PatientSerializer(serializers.ModelSerializer):
    """A pseudonym; the identity is asked for apart, and written down when it is."""

    has_identity = serializers.SerializerMethodField()

    class Meta:
        model = models.Patient
        fields = ("pseudonym", "created_at", "has_identity")

    def get_has_identity(self, patient: models.Patient) -> bool:
        return patient.sealed_identity is not None


class AssignmentSerializer(serializers.ModelSerializer):
    device_id = serializers.CharField(source="device.device_id")
    patient_id = serializers.CharField(source="patient.pseudonym")
    ward = serializers.CharField(source="bed.ward.name")
    bed = serializers.CharField(source="bed.name")

    class Meta:
        model = models.Assignment
        fields = (
            *("assignment_id", "device_id", "patient_id", "ward", "bed"),
            *("from_us", "until_us", "limits"),
        )
        read_only_fields = fields


class NewAssignmentSerializer(serializers.Serializer):
    device_id = serializers.RegexField(r"^[A-Za-z0-9_-]{1,64}$")
    patient_id = serializers.CharField(max_length=64)
    ward = serializers.CharField(max_length=64)
    bed = serializers.CharField(max_length=64)


class PlaceSerializer(serializers.Serializer):
    ward = serializers.CharField(max_length=64)
    bed = serializers.CharField(max_length=64)


class LimitsSerializer(serializers.Serializer):
    limits = serializers.DictField(child=serializers.FloatField(), allow_empty=True)


class MembershipSerializer(serializers.ModelSerializer):
    role = serializers.ChoiceField(choices=[(r.value, r.name.lower()) for r in Role])
    ward = serializers.CharField(max_length=64, allow_blank=True, required=False, default="")

    class Meta:
        model = Membership
        fields = ("ward", "role", "may_listen_raw")


class UserChangeSerializer(serializers.ModelSerializer):
    """What an administrator changes of somebody; `memberships` replaces all that were held.

    A new `password` ends all sessions.
    """

    password = serializers.CharField(write_only=True, max_length=128, required=False)
    memberships = MembershipSerializer(many=True, required=False)

    class Meta:
        model = get_user_model()
        fields = ("id", "username", "password", "is_active", "last_login", "memberships")
        read_only_fields = ("id", "username", "last_login")

    def validate_password(self, password: str) -> str:
        return good_password(password)

    def update(self, user: Any, values: dict[str, Any]) -> Any:
        user.is_active = values.get("is_active", user.is_active)
        if "password" in values:
            user.set_password(values["password"])
        user.save(update_fields=[name for name in ("is_active", "password") if name in values])
        if "memberships" in values:
            Membership.objects.filter(user=user).delete()
            grant(user, values["memberships"])
        return user


def good_password(password: str) -> str:
    """The same, if it is good enough; raises `ValidationError`."""
    try:
        validate_password(password)
    except DjangoValidationError as error:
        raise serializers.ValidationError(error.messages) from None
    return password


def grant(user: Any, memberships: list[dict[str, Any]]) -> None:
    """One role a ward: of several that are named the last."""
    for membership in {m["ward"]: m for m in memberships}.values():
        Membership.objects.create(user=user, **membership)


class UserSerializer(serializers.ModelSerializer):
    username = serializers.RegexField(r"^[\w.@+-]{1,150}$")
    password = serializers.CharField(write_only=True, max_length=128)
    memberships = MembershipSerializer(many=True, required=False)

    class Meta:
        model = get_user_model()
        fields = ("id", "username", "password", "is_active", "last_login", "memberships")
        read_only_fields = ("id", "is_active", "last_login")

    def validate_username(self, name: str) -> str:
        if get_user_model().objects.filter(username=name).exists():
            raise serializers.ValidationError("this name is taken")
        return name

    def validate_password(self, password: str) -> str:
        return good_password(password)

    def create(self, values: dict[str, Any]) -> Any:
        memberships = values.pop("memberships", [])
        user = get_user_model().objects.create_user(**values)
        grant(user, memberships)
        return user
