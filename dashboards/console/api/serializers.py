"""What goes over the interface, as the OpenAPI document describes it."""

from rest_framework import serializers

_ACTIONS = ("acknowledge", "pause_audio", "resume", "shelve", "standby")


class HealthSerializer(serializers.Serializer):
    """`status` is ``ok``, or ``degraded`` with what is lost."""

    status = serializers.ChoiceField(["ok", "degraded"])
    lost = serializers.ListField(child=serializers.CharField())
    version = serializers.CharField()
    server_us = serializers.IntegerField()


class AlarmSerializer(serializers.Serializer):
    """An alarm that is open."""

    episode_id = serializers.CharField()
    device_id = serializers.CharField()
    condition = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.ChoiceField(["physiological", "technical"])
    priority = serializers.ChoiceField(["high", "medium", "low"])
    state = serializers.ChoiceField(["active", "latched", "acknowledged", "shelved"])
    cause = serializers.CharField()
    began_us = serializers.IntegerField()
    escalation = serializers.IntegerField()
    sounds = serializers.BooleanField()
    until_us = serializers.IntegerField(allow_null=True)
    ward = serializers.CharField(allow_null=True)
    bed = serializers.CharField(allow_null=True)
    patient_id = serializers.CharField(allow_null=True)


class ShelfSerializer(serializers.Serializer):
    """A condition that is shelved and does not hold; `resume` with `shelf_id` takes it back."""

    shelf_id = serializers.CharField()
    condition = serializers.CharField()
    title = serializers.CharField()
    until_us = serializers.IntegerField()


class BedSerializer(serializers.Serializer):
    """A device as its tile shows it; times in UTC microseconds, `age_s` of the latest result."""

    device_id = serializers.CharField()
    ward = serializers.CharField(allow_null=True)
    bed = serializers.CharField(allow_null=True)
    patient_id = serializers.CharField(allow_null=True)
    assignment_id = serializers.CharField(allow_null=True)
    standing = serializers.CharField()
    urgency = serializers.IntegerField()
    age_s = serializers.FloatField(allow_null=True)
    published_us = serializers.IntegerField(allow_null=True)
    window_end_us = serializers.IntegerField(allow_null=True)
    rate_bpm = serializers.FloatField(allow_null=True)
    rate_confidence = serializers.FloatField(allow_null=True)
    finding = serializers.CharField(allow_null=True)
    probability = serializers.FloatField(allow_null=True)
    abstained = serializers.BooleanField()
    model = serializers.CharField(allow_null=True)
    verdict = serializers.CharField(allow_null=True)
    quality = serializers.FloatField(allow_null=True)
    reasons = serializers.ListField(child=serializers.CharField())
    gap_fraction = serializers.FloatField()
    latency_ms = serializers.FloatField(allow_null=True)
    online = serializers.BooleanField(allow_null=True)
    contact = serializers.BooleanField(allow_null=True)
    battery_fraction = serializers.FloatField(allow_null=True)
    signal_dbm = serializers.FloatField(allow_null=True)
    firmware = serializers.CharField(allow_null=True)
    paused_until_us = serializers.IntegerField(allow_null=True)
    standby_until_us = serializers.IntegerField(allow_null=True)
    alarms = AlarmSerializer(many=True)
    shelves = ShelfSerializer(many=True)


class ActionSerializer(serializers.Serializer):
    """What a person asks of an alarm or an empty shelf (`episode_id`), or of all of a device.

    `action_id` is the asker's own name for it: the same one sent again is done once.
    """

    device_id = serializers.RegexField(r"^[A-Za-z0-9_-]{1,64}$")
    action = serializers.ChoiceField(_ACTIONS)
    episode_id = serializers.CharField(max_length=64, required=False, allow_null=True)
    until_us = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=2**53
    )
    action_id = serializers.RegexField(r"^[A-Za-z0-9_-]{8,64}$", required=False)


class ActionDoneSerializer(serializers.Serializer):
    """`stored` says that Kafka holds it; if not yet, it is sent as soon as Kafka is back."""

    action_id = serializers.CharField()
    stored = serializers.BooleanField()
