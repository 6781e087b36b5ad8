"""The reference client in C, built and started as a maker of wearables does."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import soundfile

from deploy.embedded import LOOPBACK
from tests.servers import ROOT, missing

GROUP, DEVICE = "ward", "stethoscope-1"
RATE_HZ = 2000

_NOTHING: Mapping[str, str] = MappingProxyType({})

Samples = npt.NDArray[np.int16]


def build(folder: Path, *flags: str) -> Path:
    """Compile the client as for a product, but with every memory error fatal."""
    if shutil.which("gcc") is None or not Path("/usr/include/mosquitto.h").exists():
        missing("libmosquitto", "apt-get install gcc make libmosquitto-dev")
    for source in (ROOT / "ingest" / "wearable").glob("*.[ch]"):
        shutil.copy(source, folder)
    shutil.copy(ROOT / "ingest" / "wearable" / "Makefile", folder)
    options = {
        "CC": "gcc",
        "CFLAGS": "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all",
        "FLAGS": " ".join(flags),
    }
    command = ["make", "-C", str(folder), *(f"{name}={value}" for name, value in options.items())]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "example"


def recording(seconds: float) -> Samples:
    """Real heart sounds, one recording after the other."""
    files = sorted((ROOT / "ingest" / "recordings").glob("*.flac"))
    sounds = [soundfile.read(file, dtype="int16")[0] for file in files]
    return np.concatenate(sounds)[: int(seconds * RATE_HZ)]


def whole_chunks(sound: Samples) -> Samples:
    """What the client sends of a sound: a rest of less than one second stays."""
    return sound[: len(sound) // RATE_HZ * RATE_HZ]


@contextmanager
def running(
    program: Path,
    sound: Samples,
    port: int,
    settings: Mapping[str, str] = _NOTHING,
    *,
    device_id: str = DEVICE,
    group: str = GROUP,
) -> Iterator[subprocess.Popen[str]]:
    """The client, sending a sound to a broker; what it says is in its stdout."""
    file = program.with_name("sound.raw")
    file.write_bytes(sound.astype("<i2").tobytes())
    broker = {"HEARTWARD_MQTT_HOST": LOOPBACK, "HEARTWARD_MQTT_PORT": str(port), **settings}
    with subprocess.Popen(
        [str(program), group, device_id, str(file)],
        env=os.environ | broker,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def says_all_is_stored(process: subprocess.Popen[str], *, timeout_s: float) -> None:
    """Wait for the client's end; fail the test when it ends otherwise."""
    said, _ = process.communicate(timeout=timeout_s)
    assert said.endswith("all stored\n"), said
    assert process.returncode == 0, said
