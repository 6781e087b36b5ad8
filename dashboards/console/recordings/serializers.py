"""Recordings and examinations, as the OpenAPI document describes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from dashboards.console.admissions.models import NAME_CHARACTERS
from dashboards.console.recordings import limits
from dashboards.console.recordings.models import NOTE_CHARACTERS, Recording, State

_SHORT = (
    "id",
    "name",
    "kind",
    "owner",
    "ward",
    "patient_id",
    "note",
    "size_bytes",
    "uploaded_at",
    "state",
    "stage",
    "reason",
    "duration_s",
    "finding",
    "probability",
    "verdict",
    "rate_bpm",
    "is_explained",
)


class RecordingSerializer(serializers.ModelSerializer):
    """`stage` says what is being done while the state is ``queued``; `reason` why it is refused."""

    owner = serializers.SerializerMethodField()
    stage = serializers.SerializerMethodField()
    state = serializers.ChoiceField(State.choices, read_only=True)
    is_explained = serializers.SerializerMethodField()

    class Meta:
        model = Recording
        fields: tuple[str, ...] = _SHORT
        read_only_fields: tuple[str, ...] = fields

    def get_owner(self, recording: Recording) -> str | None:
        return str(recording.owner.get_username()) if recording.owner else None

    def get_stage(self, recording: Recording) -> str:
        job = next((job for job in recording.jobs.all() if job.task == 0), None)
        return "" if job is None else str(job.stage) or "waiting"

    def get_is_explained(self, recording: Recording) -> bool:
        return bool(recording.saliency)


class FollowUpSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(["again", "look", "none"])
    title = serializers.CharField()
    steps = serializers.ListField(child=serializers.CharField())
    disclaimer = serializers.CharField()


class RecordingDetailSerializer(RecordingSerializer):
    """With `answer`, the same as ``heartward classify --json`` prints, once there is one."""

    answer = serializers.SerializerMethodField()
    sample_rate_hz = serializers.SerializerMethodField()
    window_s = serializers.SerializerMethodField()
    follow_up = serializers.SerializerMethodField()

    class Meta(RecordingSerializer.Meta):
        fields = (*_SHORT, "answer", "sample_rate_hz", "window_s", "follow_up")
        read_only_fields = fields

    @extend_schema_field({"type": "object", "nullable": True, "additionalProperties": True})
    def get_answer(self, recording: Recording) -> Any:
        return (recording.answer or {}).get("file")

    def get_sample_rate_hz(self, recording: Recording) -> int | None:
        rate: int | None = (recording.answer or {}).get("sample_rate_hz")
        return rate

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "number"}})
    def get_window_s(self, recording: Recording) -> Any:
        return (recording.answer or {}).get("window_s", {})

    @extend_schema_field(FollowUpSerializer(allow_null=True))
    def get_follow_up(self, recording: Recording) -> Any:
        from dashboards.console.recordings.answers import follow_up_of  # noqa: PLC0415 (slow)

        return follow_up_of(recording)


class BelongsSerializer(serializers.Serializer):
    """Whose it is; without a ward it is the uploader's alone."""

    ward = serializers.CharField(
        max_length=NAME_CHARACTERS, required=False, allow_blank=True, default=""
    )
    patient_id = serializers.CharField(
        max_length=NAME_CHARACTERS, required=False, allow_blank=True, default=""
    )


class UploadSerializer(BelongsSerializer):
    """One recording: a WAV, FLAC, MP3 or OGG file, or a WFDB header with its signals."""

    id = serializers.UUIDField(
        required=False, help_text="Drawn by who sends it: what is sent again under it is kept once."
    )
    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True, max_length=1000),
        max_length=limits.MOST_FILES,
        required=False,  # what has no name is no file to Django; the refusal says so in words
        default=list,
    )
    note = serializers.CharField(
        max_length=NOTE_CHARACTERS, required=False, allow_blank=True, default=""
    )


class BeginSerializer(BelongsSerializer):
    sample_rate_hz = serializers.ChoiceField(limits.EXAMINATION_RATES_HZ)


class BegunSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    longest_s = serializers.FloatField()


class SaveSerializer(serializers.Serializer):
    note = serializers.CharField(
        max_length=NOTE_CHARACTERS, required=False, allow_blank=True, default=""
    )


class LiveWindowSerializer(serializers.Serializer):
    index = serializers.IntegerField()
    start_s = serializers.FloatField()
    window_s = serializers.FloatField()
    quality = serializers.DictField()
    heart = serializers.DictField(allow_null=True)
    findings = serializers.ListField(child=serializers.DictField())


class HeardSerializer(serializers.Serializer):
    """`samples` are kept without a hole; `is_full` says that no more is taken."""

    samples = serializers.IntegerField()
    is_full = serializers.BooleanField()
    windows = LiveWindowSerializer(many=True)


class DetailSerializer(serializers.Serializer):
    detail = serializers.CharField()
