"""Two hundred files that are no recording to be answered, each with a word of why; seeded."""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import soundfile

_EACH = 10
_HOURS = 2


class Hostile(NamedTuple):
    """`files` by name; the message must hold `words`."""

    kind: str
    files: tuple[tuple[str, bytes], ...]
    words: str


Make = Callable[[np.random.Generator], tuple[tuple[tuple[str, bytes], ...], str]]


def hostile_files(seed: int = 1) -> Iterator[Hostile]:
    for kind, make in _KINDS.items():
        for number in range(_EACH):
            random = np.random.default_rng([seed, number, *kind.encode()])
            files, words = make(random)
            yield Hostile(kind, files, words)


def sound(
    random: np.random.Generator,
    container: str = "WAV",
    *,
    rate_hz: int = 2000,
    channels: int = 1,
    duration_s: float = 8.0,
    subtype: str | None = None,
) -> bytes:
    """A little noise as a file."""
    shape = (round(duration_s * rate_hz), channels)
    file = io.BytesIO()
    samples = random.normal(0, 0.1, shape).astype(np.float32)
    soundfile.write(file, samples, rate_hz, subtype, format=container)
    return file.getvalue()


def _one(name: str, content: bytes, words: str) -> tuple[tuple[tuple[str, bytes], ...], str]:
    return ((name, content),), words


def _empty(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    return _one(f"e{random.integers(99)}.{random.choice(['wav', 'flac', 'mp3'])}", b"", "empty")


def _cut_header(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    return _one("cut.wav", sound(random)[: random.integers(12, 36)], "cannot be read")


def _cut_wav(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    whole = sound(random)
    return _one("cut.wav", whole[: random.integers(8000, len(whole) - 2000)], "cut short")


def _cut_flac(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    whole = sound(random, "FLAC")
    return _one("cut.flac", whole[: random.integers(len(whole) // 2, len(whole) * 9 // 10)], "cut")


def _cut_ogg(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    whole = sound(random, "OGG", rate_hz=8000)
    return _one("cut.ogg", whole[: random.integers(4, 60)], "cannot be read")


def _other_type(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    heads = {b"%PDF-1.7": "PDF", b"\x89PNG\r\n": "picture", b"\x7fELF\x02": "program",
             b"<!doctype html>": "web page", b'{"a": 1}': "JSON"}  # fmt: skip
    head = list(heads)[random.integers(len(heads))]
    return _one("heart.wav", head + random.bytes(200), heads[head])


def _text(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    return _one("lub.mp3", b"lub dub " * int(random.integers(1, 500)), "no sound")


def _noise(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    return _one("noise.flac", b"\0" + random.bytes(int(random.integers(1, 9999))), "no sound")


def _bad_flac(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    return _one("bad.flac", b"fLaC" + random.bytes(int(random.integers(50, 5000))), "bad.flac")


def _eight_channels(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    channels = int(random.integers(3, 9))
    return _one("array.wav", sound(random, channels=channels), f"{channels} channels")


def _high_rate(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    container = str(random.choice(["WAV", "FLAC"]))
    content = sound(random, container, rate_hz=192_000, duration_s=1.5)
    return _one("bat.wav", content, "192000 samples a second")


def _low_rate(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    return _one("slow.wav", sound(random, rate_hz=int(random.integers(50, 999))), "resample")


def _long_wav(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    silent = np.zeros(_HOURS * 3600 * 1000 + int(random.integers(1000)), np.int16)
    file = io.BytesIO()
    soundfile.write(file, silent, 1000, "PCM_U8", format="WAV")
    return _one("night.wav", file.getvalue(), "10 minutes are the most")


def _long_flac(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    """Two hours that are a few kilobytes until somebody unpacks them."""
    silent = np.zeros(_HOURS * 3600 * 1000 + int(random.integers(1000)), np.int16)
    file = io.BytesIO()
    soundfile.write(file, silent, 1000, format="FLAC")
    return _one("night.flac", file.getvalue(), "10 minutes are the most")


def _zip_bomb(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("heart.wav", bytes(int(random.integers(5, 20)) * 1024 * 1024))
    return _one("heart.wav", file.getvalue(), "ZIP")


def _gzip_bomb(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    return _one("heart.wav", gzip.compress(bytes(int(random.integers(1, 9)) * 2**20)), "gzip")


def _path(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    names = ("../../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "....//x.wav", "a/../..",
             "C:\\x.wav", "~/.ssh/key", "%2e%2e%2fx.wav", "\u202evaw.exe", "x" * 900)  # fmt: skip
    return _one(names[random.integers(len(names))], b"\0" + random.bytes(64), "no ")


def _wfdb_path(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    target = ("/etc/passwd", "../../console.sqlite3", "..", "a/b.dat")[random.integers(4)]
    header = f"r 1 2000 16000\n{target} 16 1 16 0 0 0 0 PCG\n".encode()
    return _one("r.hea", header, "no file name")


def _wfdb_alone(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    if random.integers(2):
        return _one("r.dat", random.bytes(500), "header")
    return _one("r.hea", b"r 1 2000 16000\nr.dat 16 1 16 0 0 0 0 PCG\n", "r.dat")


def _wfdb_lies(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    first = ("r 1 2000 99999999999", "r 1 0.5 16000", "r 1 2000 64000", "r 1 1e300 16000")
    header = f"{first[random.integers(4)]}\nr.dat 16 1 16 0 0 0 0 PCG\n".encode()
    return (("r.hea", header), ("r.dat", random.bytes(32_000))), "r.hea"


def _no_numbers(random: np.random.Generator) -> tuple[tuple[tuple[str, bytes], ...], str]:
    samples = random.normal(0, 0.1, 8000).astype(np.float32)
    samples[random.integers(8000)] = np.nan
    file = io.BytesIO()
    soundfile.write(file, samples, 2000, "FLOAT", format="WAV")
    return _one("nan.wav", file.getvalue(), "not numbers")


_KINDS: dict[str, Make] = {
    "empty": _empty,
    "cut header": _cut_header,
    "cut wav": _cut_wav,
    "cut flac": _cut_flac,
    "cut ogg": _cut_ogg,
    "other type": _other_type,
    "text": _text,
    "noise": _noise,
    "eight channels": _eight_channels,
    "bad flac": _bad_flac,
    "high rate": _high_rate,
    "low rate": _low_rate,
    "long wav": _long_wav,
    "long flac": _long_flac,
    "zip bomb": _zip_bomb,
    "gzip bomb": _gzip_bomb,
    "path": _path,
    "wfdb path": _wfdb_path,
    "wfdb alone": _wfdb_alone,
    "wfdb lies": _wfdb_lies,
    "no numbers": _no_numbers,
}
