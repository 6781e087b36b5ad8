"""Bad messages between good ones: refused one by one, with a reason, and nothing else happens."""

import time
from collections import Counter

import pytest

from ingest.chunk import MAX_PAYLOAD_BYTES
from ingest.intake import examine
from models.errors import ChunkError
from stream_processors.records import DeadLetter
from stream_processors.topics import DEAD_LETTERS
from tests import kafka_log
from tests.benchmarks import report
from tests.chaos.fuzz import Fuzzer, Message
from tests.chaos.harness import Ward, load_on
from tests.chaos.reference import undisturbed
from tests.chaos.verdict import Verdict, judge
from tests.integration.devices import devices
from tests.waiting import until

_AT_ONCE = 200


def refused(message: Message) -> bool:
    """What the wire's own rules say; they are tested elsewhere."""
    try:
        examine(message.topic, message.payload, retained=False, received_us=0)
    except ChunkError:
        return True
    return False


@pytest.mark.parametrize(
    "number",
    [5_000, pytest.param(100_000, marks=(pytest.mark.slow, pytest.mark.timeout(1200)))],
)
def test_bad_messages_between_good_ones_stop_nothing(embedded_ward: Ward, number: int) -> None:
    before = [embedded_ward.bridge.pid, embedded_ward.workers[0].pid]
    group = f"fuzz-{number}"  # both numbers are sent to one ward
    messages = list(Fuzzer(number, group=group).messages(number))
    bad = [message for message in messages if refused(message)]
    kept = Counter(Message(topic, payload[:MAX_PAYLOAD_BYTES]) for topic, payload in bad)
    with load_on(embedded_ward, devices=8) as load, devices(embedded_ward.mqtt) as attacker:
        began_s = time.monotonic()
        for start in range(0, number, _AT_ONCE):
            for message in messages[start : start + _AT_ONCE]:
                attacker.publish_to(*message)
            attacker.confirmed()
        until(
            lambda: len(_letters(embedded_ward, group)) >= len(bad),
            "every bad message is dead-lettered",
            timeout_s=60,
            every_s=1.0,
        )
        took_s = time.monotonic() - began_s
        verdict_on_good = judge(
            undisturbed(load.settings, load.end(), embedded_ward.models),
            embedded_ward.published(load.prefix),
        )

    letters = _letters(embedded_ward, group)
    assert Counter(Message(letter.topic, letter.payload) for letter in letters) == kept
    assert all(letter.reason for letter in letters)
    assert (verdict_on_good.lost, verdict_on_good.different) == (0, 0), verdict_on_good
    assert before == [embedded_ward.bridge.pid, embedded_ward.workers[0].pid]
    assert embedded_ward.bridge.is_running
    assert embedded_ward.workers[0].is_running
    _report(number, len(bad), took_s, verdict_on_good)


def _letters(ward: Ward, group: str) -> list[DeadLetter]:
    found = kafka_log.records(ward.connection, DEAD_LETTERS, DeadLetter)
    return [letter for letter in found if letter.topic.startswith(f"pcg/v1/{group}/")]


def _report(number: int, refused_number: int, took_s: float, verdict: Verdict) -> None:
    measured = {
        "messages": number,
        "refused": refused_number,
        "refused_per_s": round(refused_number / took_s),
        "good_windows": verdict.expected,
        "lost": verdict.lost,
    }
    report.table(f"{number} fuzzed messages", tuple(measured), [tuple(measured.values())])
    report.save(f"fuzz-{number}", measured)
