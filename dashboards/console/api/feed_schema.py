"""The live feed in the interface's document; it is no view of the framework that makes the rest."""

from typing import Any

import msgspec

from dashboards.console.live.pictures import (
    BedPicture,
    PulsePicture,
    Snapshot,
    StripPicture,
)

_PLACE = "#/components/schemas/{name}"
_EVENTS = {
    "snapshot": (Snapshot, "first, and after a page could not keep up"),
    "bed": (BedPicture, "when anything of a bed changes"),
    "strip": (StripPicture, "with each result"),
    "pipeline": (Snapshot, "`pipeline` alone, when alarms of the monitoring change"),
    "gone": (BedPicture, "`device_id` alone, when a bed is no longer the asker's to see"),
    "pulse": (PulsePicture, "every second: who hears none for five must say so loudly"),
}


def with_feed(result: dict[str, Any], **_given: Any) -> dict[str, Any]:
    """A hook of drf-spectacular."""
    _, parts = msgspec.json.schema_components(
        {picture for picture, _ in _EVENTS.values()}, ref_template=_PLACE
    )
    result["components"]["schemas"] |= parts
    bed = {
        "name": "device_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
    }
    result["paths"]["/api/v1/feed"] = {"get": _operation("feed", "The asker's wards, live.", [])}
    result["paths"]["/api/v1/beds/{device_id}/feed"] = {
        "get": _operation("bed_feed", "One bed, live, with whole strips.", [bed])
    }
    return result


def _operation(name: str, words: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    lines = [
        f"- `{event}`: [{picture.__name__}]({_PLACE.format(name=picture.__name__)}), {when}"
        for event, (picture, when) in _EVENTS.items()
    ]
    told = "Server-sent events, each with JSON as its data; times are UTC microseconds."
    stream = {"description": told, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    return {
        "operationId": name,
        "summary": words,
        "description": "\n".join([told, "", *lines]),
        "parameters": parameters,
        "tags": ["feed"],
        "security": [{"token": []}, {"session": []}],
        "responses": {"200": stream, "401": {"description": "Nobody is logged in."}},
    }
