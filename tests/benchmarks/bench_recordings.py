"""How long a person waits for the answer to an upload, at a real console.

    python -m tests.benchmarks.bench_recordings

From the first byte of the upload on, so a little more than from its last, until the interface
gives the answer; the loopback takes the rest. The promise is 2 s for a recording of 60 s. The sound
is a real recording, repeated.
"""

import io
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import soundfile
from scipy.signal import resample_poly

from tests.benchmarks import report
from tests.recording_console import Program, running
from tests.servers import EmbeddedKafka

ROUNDS = 10
PROMISED_S = 2.0
_SAMPLE = Path("ingest/recordings/a0018.flac")
_KINDS = (
    ("60 s, FLAC, 2 kHz", 60, 2000, "FLAC"),
    ("60 s, WAV, 44.1 kHz", 60, 44_100, "WAV"),
    ("60 s, MP3, 44.1 kHz", 60, 44_100, "MP3"),
    ("600 s, FLAC, 2 kHz", 600, 2000, "FLAC"),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        kafka.start()
        try:
            with running(Path(folder) / "console", kafka) as console:
                program = Program(console)
                first_s = _waited_s(program, _file(10, 2000, "FLAC"))
                waited_s = {
                    name: _measured_s(program, duration_s, rate_hz, container)
                    for name, duration_s, rate_hz, container in _KINDS
                }
        finally:
            kafka.stop()
    report.save("recordings", {"first_s": first_s, "waited_s": waited_s, "promised_s": PROMISED_S})
    rows = [
        (name, median(each), max(each), PROMISED_S if _is_promised(name) else "")
        for name, each in waited_s.items()
    ]
    report.table(
        f"Upload to answer, s, {ROUNDS} times each; the first after the start took {first_s:.1f} s",
        ("recording", "median", "worst", "promised"),
        rows,
    )
    worst_s = max(max(each) for name, each in waited_s.items() if _is_promised(name))
    sys.exit(worst_s > PROMISED_S)


def _is_promised(name: str) -> bool:
    return name.startswith("60 s")


def _measured_s(program: Program, duration_s: int, rate_hz: int, container: str) -> list[float]:
    content = _file(duration_s, rate_hz, container)
    return [_waited_s(program, content) for _ in range(ROUNDS)]


def _waited_s(program: Program, content: bytes) -> float:
    begin_s = time.perf_counter()
    answer = program.upload(("recording", content))
    assert answer.status_code == 202, answer.text
    recording = program.settled(answer.json()["id"], within_s=120)
    waited_s = time.perf_counter() - begin_s
    assert recording["state"] == "done", recording["reason"]
    return waited_s


def _file(duration_s: int, rate_hz: int, container: str) -> bytes:
    samples, own_hz = soundfile.read(_SAMPLE)
    repeated = np.resize(samples, duration_s * own_hz)
    file = io.BytesIO()
    resampled = resample_poly(repeated, rate_hz // 100, own_hz // 100)
    soundfile.write(file, np.clip(resampled, -1, 1), rate_hz, format=container)
    return file.getvalue()


if __name__ == "__main__":
    main()
