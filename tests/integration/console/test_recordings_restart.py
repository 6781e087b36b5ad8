"""A console that is killed while recordings wait: each is answered in the end, and once."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.recording_console import Console, Program, running
from tests.servers import Server
from tests.waiting import until

SAMPLES = sorted(Path("ingest/recordings").glob("*.flac"))[:6]


@pytest.fixture
def console(embedded_kafka: Server, tmp_path: Path) -> Iterator[Console]:
    with running(tmp_path, embedded_kafka) as started:
        yield started


def _decoder(console: Console) -> int | None:
    """Process id of the console's decoding worker."""
    for child in psutil.Process(console.pid).children():
        if "recordings.decoder" in " ".join(child.cmdline()):
            return child.pid
    return None


def test_a_killed_console_answers_after_its_restart_what_it_had_taken_and_nothing_twice(
    console: Console,
) -> None:
    program = Program(console)
    taken = [program.upload((path.name, path.read_bytes())).json()["id"] for path in SAMPLES]
    console.kill()
    console.start()
    for recording_id in taken:
        assert program.settled(recording_id)["state"] == "done"
    until(
        lambda: all(r["is_explained"] for r in program.get("/recordings")["results"]),
        "every recording is explained",
        timeout_s=180,
    )
    listed = [recording["id"] for recording in program.get("/recordings")["results"]]
    assert sorted(listed) == sorted(taken)
    folders = Counter(path.parent.name for path in console.media.rglob("*") if path.is_file())
    # The source, the pictures, the filtered sound and the map.
    assert folders == Counter(dict.fromkeys(taken, 4))


def test_a_killed_worker_is_replaced_and_its_recording_answered(console: Console) -> None:
    program = Program(console)
    first = program.upload((SAMPLES[0].name, SAMPLES[0].read_bytes())).json()["id"]
    program.settled(first)
    worker = _decoder(console)
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)  # so that it dies in the middle of an order
    second = program.upload((SAMPLES[1].name, SAMPLES[1].read_bytes())).json()["id"]
    time.sleep(1.0)
    os.kill(worker, signal.SIGKILL)
    assert program.settled(second)["state"] == "done"
    assert _decoder(console) != worker
