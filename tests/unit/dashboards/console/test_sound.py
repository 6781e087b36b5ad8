"""Sound out of the log, of one patient and nobody else."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dashboards.console.history.batches import Batch, Published, write
from dashboards.console.history.sound import SoundError, SoundFinder
from ingest.chunk import AudioChunk
from ingest.connections import KafkaConnection
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.examples import NOW_US

pytestmark = pytest.mark.django_db

RATE_HZ, HOP_US = 1000, 2_500_000
BEGAN_US = NOW_US - 60_000_000


class OneDevice(SoundFinder):
    """A log that holds thirty seconds of one device, chunk number n all of the value n."""

    def _chunks(self, _device_id: str, span: Any) -> Iterator[AudioChunk]:
        for number in range(span.first, span.last + 1):
            yield AudioChunk(
                boot_id=7,
                seq=number,
                first_sample=number * RATE_HZ,
                kept_from_sample=0,
                captured_at_us=BEGAN_US,
                sample_rate_hz=RATE_HZ,
                encoding="pcm_s16le",
                samples=np.full(RATE_HZ, number, "<i2").tobytes(),
            )


@pytest.fixture
def finder() -> SoundFinder:
    """The first ten seconds are of one patient in the east, the rest of another in the west."""
    results = []
    for index in range(10):
        start_s = index * 2.5
        whose: dict[str, Any] = (
            {"ward": "east", "patient_id": "first"} if start_s < 10 else {"patient_id": "next"}
        )
        audio = examples.result().audio
        results.append(
            examples.result(
                index=index,
                start_us=BEGAN_US + index * HOP_US,
                device_id="d",
                audio=type(audio)(
                    topic="pcg.audio",
                    partition=0,
                    first_offset=int(start_s),
                    last_offset=int(start_s + 5),
                ),
                **whose,
            )
        )
    write(Batch([Published(result, NOW_US) for result in results], [], []))
    return OneDevice(KafkaConnection.model_construct(servers="nowhere"))


def test_sound_begins_no_sooner_than_the_patient_had_the_device(finder: SoundFinder) -> None:
    sound = finder.raw("d", "next", BEGAN_US, BEGAN_US + 20_000_000)
    assert sound.start_us == BEGAN_US + 10_000_000
    assert sorted({int(sample) for sample in sound.samples}) == list(range(10, 20))


def test_sound_of_who_wore_the_device_before_is_not_found(finder: SoundFinder) -> None:
    with pytest.raises(SoundError):
        finder.raw("d", "next", BEGAN_US, BEGAN_US + 4_000_000)
    with pytest.raises(SoundError):
        finder.raw("d", "", BEGAN_US, BEGAN_US + 20_000_000)
    sound = finder.raw("d", "first", BEGAN_US, BEGAN_US + 30_000_000)
    assert len(sound.samples) == 12.5 * RATE_HZ  # the last of its windows ends there
