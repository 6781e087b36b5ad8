"""Which models there are, and whether what they say has drifted."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
_RUNS_US = 3600 * 1_000_000
_MOST_WINDOWS = 20_000

_Model = tuple[str, str]  # name and version


class DriftSerializer(serializers.Serializer):
    quantity = serializers.CharField()
    values = serializers.IntegerField()
    stability_index = serializers.FloatField()
    by_chance = serializers.FloatField()
    verdict = serializers.CharField()


class ModelSerializer(serializers.Serializer):
    """`runs` is what it did in the last hour: ``active``, ``shadow``, or null where neither."""

    name = serializers.CharField()
    version = serializers.CharField()
    task = serializers.CharField()
    default = serializers.BooleanField()
    runs = serializers.ChoiceField(["active", "shadow"], allow_null=True)
    drift = DriftSerializer(many=True)


class Models(APIView):
    """Installed models, and the drift of what ran in the last 24 hours."""

    permission_classes = (IsAdministrator,)

    @extend_schema(responses=ModelSerializer(many=True), operation_id="models_list")
    def get(self, _request: Any) -> Response:
        """List them; drift needs a hundred windows to be told."""
        registry = Registry(load(WorkerSettings).models_dir)
        said, runs = _last_day()
        return Response(
            [
                {
                    "name": entry.name,
                    "version": entry.version,
                    "task": entry.task,
                    "default": entry.default,
                    "runs": runs.get((entry.name, entry.version)),
                    "drift": _drift(
                        registry, entry.name, entry.version, said[entry.name, entry.version]
                    ),
                }
                for entry in registry.entries
            ]
        )


def _drift(
    registry: Registry, name: str, version: str, said: Sequence[Mapping[str, float]]
) -> list[dict[str, Any]]:
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


def _last_day() -> tuple[dict[_Model, list[Mapping[str, float]]], dict[_Model, str]]:
    """What each model said of the good windows of the last day, and as what it ran last."""
    now_us = time.time_ns() // 1000
    rows = Window.objects.filter(start_us__gte=now_us - _LAST_US, verdict="good")
    said: dict[_Model, list[Mapping[str, float]]] = defaultdict(list)
    runs: dict[_Model, str] = {}
    latest = rows.order_by("-start_us").values_list("start_us", "findings")[:_MOST_WINDOWS]
    for start_us, findings in latest:
        for finding in findings:
            model = finding["model"], finding["version"]
            said[model].append(finding["probabilities"])
            if start_us >= now_us - _RUNS_US:
                runs.setdefault(model, "shadow" if finding["shadow"] else "active")
    return said, runs
