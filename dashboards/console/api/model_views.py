"""Which models there are, and whether what they say has drifted."""

import time
from typing import Any

import numpy as np
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from dashboards.console.api.permissions import IsAdministrator
from dashboards.console.history.models import Window
from ingest.connections import load
from models.drift import drift
from models.errors import ModelError, SignalError
from models.registry import Registry
from stream_processors.settings import WorkerSettings

_LAST_US = 24 * 3600 * 1_000_000
_MOST_WINDOWS = 20_000


class DriftSerializer(serializers.Serializer):
    quantity = serializers.CharField()
    values = serializers.IntegerField()
    stability_index = serializers.FloatField()
    by_chance = serializers.FloatField()
    verdict = serializers.CharField()


class ModelSerializer(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.CharField()
    task = serializers.CharField()
    default = serializers.BooleanField()
    drift = DriftSerializer(many=True)


class Models(APIView):
    """Installed models, and the drift of what ran in the last 24 hours."""

    permission_classes = (IsAdministrator,)

    @extend_schema(responses=ModelSerializer(many=True), operation_id="models_list")
    def get(self, _request: Any) -> Response:
        """List them; drift needs a hundred windows to be told."""
        registry = Registry(load(WorkerSettings).models_dir)
        return Response(
            [
                {
                    "name": entry.name,
                    "version": entry.version,
                    "task": entry.task,
                    "default": entry.default,
                    "drift": _drift(registry, entry.name, entry.version),
                }
                for entry in registry.entries
            ]
        )


def _drift(registry: Registry, name: str, version: str) -> list[dict[str, Any]]:
    said = _said(name, version)
    if not said:
        return []
    try:
        reference = registry.load(name, version).contract.reference
    except ModelError:
        return []
    answers = []
    for label in sorted({label for one in said for label in one}):
        distribution = reference.get(f"probability/{label}")
        if distribution is None:
            continue
        try:
            found = drift(distribution, np.array([one[label] for one in said if label in one]))
        except SignalError:
            continue
        answers.append(
            {
                "quantity": f"probability/{label}",
                "values": found.values,
                "stability_index": round(found.stability_index, 4),
                "by_chance": round(found.by_chance, 4),
                "verdict": found.verdict,
            }
        )
    return answers


def _said(name: str, version: str) -> list[dict[str, float]]:
    """What a model said of the good windows of the last day."""
    since_us = time.time_ns() // 1000 - _LAST_US
    rows = Window.objects.filter(start_us__gte=since_us, verdict="good").order_by("-start_us")
    return [
        finding["probabilities"]
        for findings in rows.values_list("findings", flat=True)[:_MOST_WINDOWS]
        for finding in findings
        if (finding["model"], finding["version"]) == (name, version)
    ]
