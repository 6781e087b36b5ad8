"""The demonstration as a person starts it: it comes alive, loses nothing, and leaves nothing."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from stream_processors.records import STAGES
from tests.servers import ROOT

_KEYS = {
    "beds",
    "seconds",
    "first_result_s",
    "beds_reporting",
    "chunks_sent",
    "chunks_received",
    "windows_expected",
    "windows_classified",
    "windows_lost",
    "dead_letters",
    "latency_ms",
    "clock_offset_ms",
}


@contextmanager
def _demo(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HEARTWARD_")}
    command = [sys.executable, "-m", "heartward", "demo", *arguments]
    with (
        tempfile.TemporaryDirectory(prefix="heartward-console-") as folder,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment | {"HEARTWARD_CONSOLE_FOLDER": folder} | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as demo,
    ):
        try:
            yield demo
        finally:
            demo.kill()


def _measured(file: Path, *arguments: str, seconds: int) -> dict[str, Any]:
    with _demo("--seconds", str(seconds), "--json", str(file), *arguments) as demo:
        said, _ = demo.communicate(timeout=seconds + 60)
    assert demo.returncode == 0, said
    document: dict[str, Any] = json.loads(file.read_text())
    return document


def _child(demo: subprocess.Popen[str], words: str) -> psutil.Process | None:
    try:
        children = psutil.Process(demo.pid).children()
        return next((child for child in children if words in " ".join(child.cmdline())), None)
    except psutil.Error:
        return None


def _wait_for(demo: subprocess.Popen[str], words: str) -> psutil.Process:
    deadline_s = time.monotonic() + 30
    while (child := _child(demo, words)) is None:
        assert time.monotonic() < deadline_s, f"{words} was not started"
        time.sleep(0.1)
    return child


def test_a_measured_ward_comes_alive_in_time_and_loses_nothing(tmp_path: Path) -> None:
    document = _measured(tmp_path / "out.json", "--beds", "3", seconds=30)
    assert set(document) == _KEYS
    assert (document["beds"], document["beds_reporting"]) == (3, 3)
    assert 30 <= document["seconds"] < 35
    assert document["first_result_s"] < 15
    assert document["chunks_sent"] == document["chunks_received"] > 0
    assert document["windows_classified"] == document["windows_expected"] > 0
    assert (document["windows_lost"], document["dead_letters"]) == (0, 0)
    assert tuple(document["latency_ms"]) == STAGES
    latency_ms = document["latency_ms"]
    assert all(shares["p50"] <= shares["p95"] <= shares["p99"] for shares in latency_ms.values())
    # Kafka's timestamps are whole milliseconds.
    assert all(latency_ms[stage]["p50"] > -1 for stage in STAGES)
    assert document["clock_offset_ms"]["max"] < 1000


def _refused(*arguments: str, **settings: str) -> str:
    with _demo(*arguments, **settings) as demo:
        said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1, said
    return said.splitlines()[-1]


@pytest.mark.slow
def test_a_simulator_that_cannot_say_what_it_sent_certifies_nothing(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    with _demo("--beds", "2", "--seconds", "14", "--json", str(file)) as demo:
        simulator = _wait_for(demo, "ingest.simulator")
        time.sleep(4)
        simulator.suspend()
        said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1, said
    assert "no loss can be counted" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_simulator_that_is_started_again_certifies_nothing(tmp_path: Path) -> None:
    with _demo("--beds", "2", "--seconds", "60", "--json", str(tmp_path / "out.json")) as demo:
        simulator = _wait_for(demo, "ingest.simulator")
        time.sleep(12)
        simulator.kill()
        said, _ = demo.communicate(timeout=20)
    assert demo.returncode == 1, said
    assert "the simulator ended in the middle, so what was sent is not known" in said
    assert list(tmp_path.iterdir()) == []


def test_a_measurement_that_is_cut_short_writes_nothing(tmp_path: Path) -> None:
    with _demo("--beds", "2", "--seconds", "60", "--json", str(tmp_path / "out.json")) as demo:
        _wait_for(demo, "ingest.simulator")
        demo.send_signal(signal.SIGINT)
        said, _ = demo.communicate(timeout=10)
    assert demo.returncode == 1, said
    assert "interrupted after" in said
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_cannot_start_ends_the_demo_with_its_own_reason() -> None:
    said = _refused("--seconds", "25", HEARTWARD_SIMULATOR_RATES_HZ="5")
    assert "simulator exits with 1, before it was ready" in said
    assert "sample rate 5 Hz is not one of" in said


def test_a_time_too_short_for_a_result_is_no_success() -> None:
    assert "no result came within 1 s: allow more --seconds" in _refused("--seconds", "1")


@pytest.mark.parametrize(
    "end",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)],
    ids=lambda number: number.name,
)
def test_every_process_is_gone_within_five_seconds_of_a_signal(end: signal.Signals) -> None:
    with _demo("--beds", "3") as demo:
        _wait_for(demo, "ingest.simulator")
        children = psutil.Process(demo.pid).children()
        time.sleep(2)
        demo.send_signal(end)
        said, _ = demo.communicate(timeout=5)
    assert demo.returncode == 0, said
    assert "All processes have ended." in said
    assert [child for child in children if child.is_running()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's own")
def test_no_process_survives_a_kill_of_the_demo() -> None:
    with _demo("--beds", "3") as demo:
        _wait_for(demo, "ingest.simulator")
        children = psutil.Process(demo.pid).children()
        demo.kill()
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert len(gone) == len(children), alive


@pytest.mark.slow
@pytest.mark.parametrize("part", ["stream_processors.app", "ingest.bridge", "embedded mqtt"])
def test_a_killed_process_comes_back_and_nothing_is_lost(part: str, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    with _demo("--beds", "3", "--seconds", "45", "--json", str(file)) as demo:
        time.sleep(15)
        _wait_for(demo, part).kill()
        said, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, said
    assert "was ended by SIGKILL" in said
    document = json.loads(file.read_text())
    assert document["windows_lost"] == 0
    assert document["windows_expected"] >= 3 * 10


@pytest.mark.slow
def test_an_embedded_kafka_that_is_emptied_again_and_again_loses_nothing(tmp_path: Path) -> None:
    arguments = ["--beds", "100", "--kafka-memory-mib", "64", "--seconds", "90"]
    file = tmp_path / "out.json"
    with _demo(*arguments, "--json", str(file)) as demo:
        said, _ = demo.communicate(timeout=180)
    assert demo.returncode == 0, said
    assert "is emptied" in said
    document = json.loads(file.read_text())
    assert (document["windows_lost"], document["beds_reporting"]) == (0, 100)
