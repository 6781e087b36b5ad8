"""`asyncapi.yaml` says of the wire what the code does: every topic, field, type and bound.

`asyncapi-3.0.0.schema.json.gz` is the AsyncAPI initiative's own schema as published in
@asyncapi/specs 6.11.1 (Apache-2.0), compressed and otherwise unchanged.
"""

import base64
import copy
import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from ingest.chunk import (
    DEVICE_BUFFER_S,
    HISTORY_AFTER_S,
    HISTORY_OVERLAP_S,
    HOLE_AFTER_S,
    MAX_CHUNK_S,
    MAX_CLOCK_ERROR_S,
    MAX_PAYLOAD_BYTES,
    MAX_SAMPLES_BYTES,
    MIN_CHUNK_S,
    RESEND_AFTER_SILENCE_S,
    SAMPLE_RATES_HZ,
    WIRE_VERSION,
    AudioChunk,
    DeviceAck,
    DeviceStatus,
    DeviceTopic,
    Lane,
    decode_ack,
    decode_chunk,
    decode_status,
    is_device_id,
    pcm,
)
from models.contract import PIPELINE_GRID
from models.errors import ChunkError
from tests.servers import ROOT

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "ingest" / "asyncapi.yaml").read_text())
MESSAGES = DOCUMENT["components"]["messages"]
RECORDS: dict[str, tuple[type[msgspec.Struct], Callable[[bytes], msgspec.Struct]]] = {
    "AudioChunk": (AudioChunk, decode_chunk),
    "DeviceStatus": (DeviceStatus, decode_status),
    "DeviceAck": (DeviceAck, decode_ack),
}
EXAMPLES = [(name, e["payload"]) for name in RECORDS for e in MESSAGES[name]["examples"]]


def resolved(node: Any) -> Any:
    """The node with every reference replaced by what it refers to."""
    if isinstance(node, dict):
        if "$ref" in node:
            target: Any = DOCUMENT
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            return resolved(target)
        return {key: resolved(value) for key, value in node.items()}
    return [resolved(value) for value in node] if isinstance(node, list) else node


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = resolved(DOCUMENT["components"]["schemas"][name])
    return found


def packed(name: str, payload: dict[str, Any]) -> bytes:
    """The payload as it goes over the wire: what the document shows in base64 is bytes there."""
    fields = schema(name)["properties"]
    wire = {
        key: base64.b64decode(value, validate=True)
        if fields.get(key, {}).get("x-messagepack") == "bin" and isinstance(value, str)
        else value
        for key, value in payload.items()
    }
    return msgspec.msgpack.encode(wire)


SIMPLE_TYPES: dict[type[msgspec.inspect.Type], dict[str, Any]] = {
    msgspec.inspect.BoolType: {"type": "boolean"},
    msgspec.inspect.IntType: {"type": "integer"},
    msgspec.inspect.FloatType: {"type": "number"},
    msgspec.inspect.StrType: {"type": "string"},
    msgspec.inspect.BytesType: {"type": "string", "x-messagepack": "bin"},
}


def described(kind: msgspec.inspect.Type) -> dict[str, Any]:
    """What the document must say of a type."""
    if isinstance(kind, msgspec.inspect.LiteralType):
        return {"type": "string", "enum": set(kind.values)}
    if not isinstance(kind, msgspec.inspect.UnionType):
        return SIMPLE_TYPES[type(kind)]
    (inner,) = (t for t in kind.types if not isinstance(t, msgspec.inspect.NoneType))
    said = described(inner)
    said = said | {"type": [said["type"], "null"]}
    return said | {"enum": {*said["enum"], None}} if "enum" in said else said


def test_the_document_is_valid_asyncapi_3() -> None:
    published = Path(__file__).with_name("asyncapi-3.0.0.schema.json.gz")
    validator = jsonschema.Draft7Validator(json.loads(gzip.decompress(published.read_bytes())))
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(DOCUMENT)] == []


def test_every_reference_leads_somewhere() -> None:
    resolved(DOCUMENT)


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_is_there_with_its_type_default_and_necessity(name: str) -> None:
    info = msgspec.inspect.type_info(RECORDS[name][0])
    assert isinstance(info, msgspec.inspect.StructType)
    said = schema(name)
    assert list(said["properties"]) == [field.encode_name for field in info.fields]
    assert said["required"] == [field.encode_name for field in info.fields if field.required]
    for field in info.fields:
        about = said["properties"][field.encode_name]
        wanted = described(field.type)
        if "enum" in wanted:
            about = about | {"enum": set(about["enum"])}
        assert {key: about.get(key) for key in wanted} == wanted
        if not field.required:
            assert about["default"] == field.default
        assert about["description"]


@pytest.mark.parametrize("name", RECORDS)
def test_numbers_with_a_unit_in_their_name_say_it(name: str) -> None:
    units = {"_us": "microseconds since 1970 UTC", "_hz": "Hz", "_dbm": "dBm", "_sample": "samples"}
    for field, about in schema(name)["properties"].items():
        for suffix, unit in units.items():
            if field.endswith(suffix):
                assert about["x-unit"] == unit


@pytest.mark.parametrize(("name", "payload"), EXAMPLES)
def test_examples_are_valid_by_the_document_and_by_the_code(
    name: str, payload: dict[str, Any]
) -> None:
    jsonschema.validate(payload, schema(name), cls=jsonschema.Draft7Validator)
    record = RECORDS[name][1](packed(name, payload))
    if isinstance(record, AudioChunk):
        assert len(pcm(record)) == MIN_CHUNK_S * record.sample_rate_hz
    for key, value in payload.items():
        if key != "samples":
            assert getattr(record, key) == value


@pytest.mark.parametrize("name", RECORDS)
def test_an_example_shows_every_field_and_another_only_the_required(name: str) -> None:
    shown = [set(payload) for example, payload in EXAMPLES if example == name]
    assert shown[0] == set(schema(name)["properties"])
    if len(shown) > 1:
        assert shown[1] == set(schema(name)["required"])


def bounds() -> Iterator[tuple[str, str, float, float]]:
    """Every bound: record, field, the last value allowed and the first one beyond."""
    for name in ("AudioChunk", "DeviceStatus"):
        for field, about in schema(name)["properties"].items():
            step = 1 if "integer" in about["type"] else 0.001
            if "minimum" in about:
                yield name, field, about["minimum"], about["minimum"] - step
            if "maximum" in about:
                yield name, field, about["maximum"], about["maximum"] + step


@pytest.mark.parametrize(("name", "field", "allowed", "beyond"), [*bounds()])
def test_the_code_refuses_just_what_lies_beyond_a_bound(
    name: str, field: str, allowed: float, beyond: float
) -> None:
    decode = RECORDS[name][1]
    payload = copy.deepcopy(next(payload for example, payload in EXAMPLES if example == name))
    if field == "kept_from_sample":  # bounded by the chunk's own position too
        payload["first_sample"] = schema(name)["properties"]["first_sample"]["maximum"]
    if field == "first_sample":
        payload["kept_from_sample"] = 0
    jsonschema.validate(payload | {field: allowed}, schema(name))
    decode(packed(name, payload | {field: allowed}))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(payload | {field: beyond}, schema(name))
    with pytest.raises(ChunkError, match=field):
        decode(packed(name, payload | {field: beyond}))


def test_limits_that_json_schema_cannot_express_are_those_of_the_code() -> None:
    fields = schema("AudioChunk")["properties"]
    samples = fields["samples"]
    assert fields["sample_rate_hz"]["enum"] == list(SAMPLE_RATES_HZ)
    assert fields["v"]["const"] == fields["v"]["default"] == WIRE_VERSION
    assert samples["x-max-bytes"] == MAX_SAMPLES_BYTES
    assert samples["maxLength"] == len(base64.b64encode(bytes(MAX_SAMPLES_BYTES)))
    assert samples["x-min-duration-s"] == MIN_CHUNK_S
    assert samples["x-max-duration-s"] == MAX_CHUNK_S
    assert MESSAGES["AudioChunk"]["x-max-payload-bytes"] == MAX_PAYLOAD_BYTES
    assert schema("DeviceStatus")["properties"]["firmware"]["maxLength"] == 64
    assert f"at most {MAX_PAYLOAD_BYTES} bytes" in MESSAGES["AudioChunk"]["summary"].lower()


def test_every_value_of_an_ack_is_an_unsigned_integer() -> None:
    for about in schema("DeviceAck")["properties"].values():
        assert about["type"] == "integer"
        assert about.get("minimum", about.get("const")) >= 0


def test_there_is_a_channel_for_every_lane_and_no_other() -> None:
    channels = DOCUMENT["channels"]
    assert set(channels) == set(Lane)
    for lane, channel in channels.items():
        topic = DeviceTopic("{group}", "{device_id}", Lane(lane))
        assert channel["address"] == str(topic)
        assert set(channel["parameters"]) == {"group", "device_id"}
        assert f"/{WIRE_VERSION}/".replace("/", "/v", 1) in channel["address"]


def test_messages_lie_on_the_lanes_where_the_bridge_expects_them() -> None:
    carried = {
        lane: [message["$ref"].rpartition("/")[2] for message in channel["messages"].values()]
        for lane, channel in DOCUMENT["channels"].items()
    }
    assert carried == {
        Lane.AUDIO: ["AudioChunk"],
        Lane.HISTORY: ["AudioChunk"],
        Lane.STATUS: ["DeviceStatus"],
        Lane.ACK: ["DeviceAck"],
    }


def test_examples_of_ids_fit_the_pattern_and_the_pattern_fits_the_code() -> None:
    for parameter in DOCUMENT["components"]["parameters"].values():
        pattern = re.compile(parameter["x-pattern"])
        for text in (*parameter["examples"], "a" * 64, "a" * 65, "", "a/b", "ä", "A_b-9"):
            assert bool(pattern.fullmatch(text)) == is_device_id(text)


def test_device_and_bridge_see_the_same_lanes_from_opposite_ends() -> None:
    """Quality of service and retention as the bridge and the reference client set them."""
    ends: dict[str, dict[str, tuple[str, int, bool]]] = {"device": {}, "bridge": {}}
    for name, operation in resolved(DOCUMENT["operations"]).items():
        (end,) = (tag["name"] for tag in operation["tags"])
        assert name.startswith(end)
        binding = operation["bindings"]["mqtt"]
        lane = operation["channel"]["address"].rpartition("/")[2]
        ends[end][lane] = (operation["action"], binding["qos"], binding["retain"])
    assert ends["device"] == {
        Lane.AUDIO: ("send", 1, False),
        Lane.HISTORY: ("send", 1, False),
        Lane.STATUS: ("send", 1, True),
        Lane.ACK: ("receive", 0, False),
    }
    assert {lane: action for lane, (action, *_) in ends["bridge"].items()} == {
        Lane.AUDIO: "receive",
        Lane.HISTORY: "receive",
        Lane.STATUS: "receive",
        Lane.ACK: "send",
    }


def test_the_last_will_is_a_retained_status() -> None:
    will = DOCUMENT["servers"]["ward"]["bindings"]["mqtt"]["lastWill"]
    topic = DeviceTopic("{group}", "{device_id}", Lane.STATUS)
    assert (will["topic"], will["qos"], will["retain"]) == (str(topic), 1, True)


def test_descriptions_name_the_times_that_the_code_goes_by() -> None:
    audio, history = (DOCUMENT["channels"][lane]["description"] for lane in Lane if "audio" in lane)
    assert f"after {RESEND_AFTER_SILENCE_S:.0f} s without any ack" in audio
    assert f"older than {HISTORY_AFTER_S:.0f} s" in history
    assert f"stood for {HOLE_AFTER_S:.0f} s" in history
    assert f"window of {PIPELINE_GRID.window_s:.0f} s" in history
    assert f"{HISTORY_OVERLAP_S:g} s before what is missing" in history
    told = schema("DeviceAck")["properties"]["bridge_time_us"]["description"]
    assert f"more than {MAX_CLOCK_ERROR_S:.0f} s" in told


def test_the_reference_client_goes_by_the_same_times_and_sends_the_same_fields() -> None:
    header = (ROOT / "ingest" / "wearable" / "heartward_client.h").read_text()
    source = (ROOT / "ingest" / "wearable" / "heartward_client.c").read_text()
    assert f"HW_BUFFER_S {DEVICE_BUFFER_S:.0f} " in header
    assert f"HW_LIVE_S {HISTORY_AFTER_S:.0f} " in header
    assert f"SILENCE_US ({RESEND_AFTER_SILENCE_S:.0f} * SECOND_US)" in source
    assert f"HOLE_US ({HOLE_AFTER_S:.0f} * SECOND_US)" in source
    assert f"CLOCK_TOLERANCE_US ({MAX_CLOCK_ERROR_S:.0f} * SECOND_US)" in source
    assert f"OVERLAP_CHUNKS (({HISTORY_OVERLAP_S * 1000:.0f} + " in source
    for name in RECORDS:
        for field in schema(name)["properties"]:
            assert f'"{field}"' in source
    lines = len(header.splitlines()) + len(source.splitlines())
    assert lines < 500
