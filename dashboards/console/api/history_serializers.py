"""Rows of the history, as the interface shows them."""

from typing import Any

from rest_framework import serializers

from dashboards.console.history import models
from dashboards.console.live.words import title


class WindowSerializer(serializers.ModelSerializer):
    class Meta:
        model = models.Window
        exclude = ("id",)


class MinuteSerializer(serializers.ModelSerializer):
    class Meta:
        model = models.Minute
        exclude = ("id",)


class TransitionSerializer(serializers.ModelSerializer):
    title = serializers.SerializerMethodField()

    class Meta:
        model = models.AlarmTransition
        exclude = ("id", "strip", "strip_rate_hz")

    def get_title(self, row: models.AlarmTransition) -> str:
        return title(row.condition)


class ClipSerializer(serializers.ModelSerializer):
    class Meta:
        model = models.Clip
        exclude = ("file",)


class NoteSerializer(serializers.ModelSerializer):
    """A note is written of a device's present patient."""

    device_id = serializers.RegexField(r"^[A-Za-z0-9_-]{1,64}$")
    text = serializers.CharField(max_length=4000)

    class Meta:
        model = models.Note
        fields = ("id", "device_id", "patient_id", "ward", "bed", "at_us", "author", "text")
        read_only_fields = ("patient_id", "ward", "bed", "at_us", "author")


class LabelSerializer(serializers.ModelSerializer):
    """A verdict on an alarm (`episode_id`), or on a moment (`at_us`) of a bed (`device_id`).

    `corrected` names what it is, where the verdict is `disagree`.
    """

    episode_id = serializers.CharField(max_length=64, required=False, allow_blank=True)
    device_id = serializers.RegexField(r"^[A-Za-z0-9_-]{1,64}$", required=False)
    at_us = serializers.IntegerField(required=False, min_value=0, max_value=2**53, write_only=True)
    corrected = serializers.RegexField(r"^[\w ;,-]{1,200}$", required=False, allow_blank=True)

    class Meta:
        model = models.Label
        fields = (
            *("id", "episode_id", "device_id", "patient_id", "ward", "said", "model", "version"),
            *("verdict", "corrected", "author", "at", "at_us"),
        )
        read_only_fields = (*("patient_id", "ward", "said", "model", "version", "author", "at"),)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("episode_id") and not ("device_id" in attrs and "at_us" in attrs):
            raise serializers.ValidationError({"episode_id": "or device_id and at_us are needed"})
        is_other = attrs["verdict"] == "disagree"
        if is_other and not attrs.get("corrected"):
            raise serializers.ValidationError({"corrected": "say what it is instead"})
        if not is_other and attrs.get("corrected"):
            raise serializers.ValidationError({"corrected": "only with the verdict disagree"})
        return attrs


class TrendSerializer(serializers.Serializer):
    """Columns of one length."""

    at_us = serializers.ListField(child=serializers.IntegerField())
    rate_bpm = serializers.ListField(child=serializers.FloatField(allow_null=True))
    rate_low_bpm = serializers.ListField(child=serializers.FloatField(allow_null=True))
    rate_high_bpm = serializers.ListField(child=serializers.FloatField(allow_null=True))
    abnormal_probability = serializers.ListField(child=serializers.FloatField(allow_null=True))
    quality = serializers.ListField(child=serializers.FloatField(allow_null=True))
    gap_fraction = serializers.ListField(child=serializers.FloatField(allow_null=True))
    latency_ms = serializers.ListField(child=serializers.FloatField(allow_null=True))
