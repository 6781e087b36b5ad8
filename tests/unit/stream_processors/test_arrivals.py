import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadInputError
from stream_processors.arrivals import LaneKey, read_arrival
from stream_processors.topics import RECEIVED_AT_HEADER
from tests.unit.stream_processors.logs import BOOT_ID, START_US, Record, record_of, sent, sound

GOOD = record_of(sent("bed-1", 3.0, 1.0, received_s=4.5), offset=17)


def test_reads_who_sent_what_when() -> None:
    key, arrival = read_arrival(GOOD)

    assert key == LaneKey("bed-1", BOOT_ID, 2000)
    assert (arrival.first_sample, arrival.end_sample, arrival.offset) == (6000, 8000, 17)
    assert arrival.received_at_us == START_US + 4_500_000
    assert arrival.captured_at_us == START_US + 3_000_000
    assert np.array_equal(arrival.samples, sound(6000, 2000))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (GOOD._replace(headers=()), "header received_at_us is missing"),
        (GOOD._replace(headers=((RECEIVED_AT_HEADER, b"-5"),)), "is b'-5', not microseconds"),
        (GOOD._replace(headers=((RECEIVED_AT_HEADER, b"1" * 40),)), "not microseconds"),
        (GOOD._replace(headers=((RECEIVED_AT_HEADER, "٣".encode()),)), "not microseconds"),
        (
            GOOD._replace(headers=((RECEIVED_AT_HEADER, b"4102444800000000"),)),
            "later than the record itself",
        ),
        (GOOD._replace(key=None), "the key b'' is not a device id"),
        (GOOD._replace(key=b"bed/1"), "the key b'bed/1' is not a device id"),
        (GOOD._replace(key=b"\xff\xfe"), "is not a device id"),
        (GOOD._replace(value=None), "the record has no value"),
        (GOOD._replace(value=b""), "payload of 0 bytes is not valid"),
        (GOOD._replace(value=msgspec.msgpack.encode({"v": 9})), "wire version 9 is not known"),
    ],
)
def test_says_what_is_wrong_with_a_record(record: Record, reason: str) -> None:
    with pytest.raises(BadInputError, match=reason):
        read_arrival(record)


@given(value=st.binary(max_size=200), key=st.binary(max_size=80), header=st.binary(max_size=20))
def test_refuses_whatever_is_no_chunk(value: bytes, key: bytes, header: bytes) -> None:
    record = GOOD._replace(value=value, key=key, headers=((RECEIVED_AT_HEADER, header),))

    with pytest.raises(BadInputError):
        read_arrival(record)


@given(
    at=st.integers(0, len(GOOD.value or b"") - 1),
    byte=st.integers(0, 255),
    cut=st.integers(0, 200),
)
def test_a_mutated_chunk_is_read_or_refused_and_nothing_else(at: int, byte: int, cut: int) -> None:
    value = bytearray(GOOD.value or b"")
    value[at] = byte

    try:
        _, arrival = read_arrival(GOOD._replace(value=bytes(value[: len(value) - cut])))
    except BadInputError:
        return
    assert arrival.end_sample - arrival.first_sample == len(arrival.samples)
