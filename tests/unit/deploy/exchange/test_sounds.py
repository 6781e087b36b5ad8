"""Long sounds hold every chunk bit for bit, and are the files that the libraries would write."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import wfdb

from deploy.exchange import forms
from deploy.exchange.forms import Format, Samples
from deploy.exchange.sounds import Lane, Place, Reader, Sounds
from models.errors import UserError

LANE = Lane("pcg.audio", "W-1", 7, 2000)
FORMS: tuple[Format, ...] = ("flac", "wfdb")


def noise(length: int, *, seed: int = 4, least: bool = False) -> Samples:
    samples = np.random.default_rng(seed).integers(-(2**15) + 1, 2**15, length, dtype=np.int16)
    samples[7] = -(2**15) if least else 0
    return samples


@pytest.mark.parametrize("form", FORMS)
def test_every_chunk_comes_back_bit_for_bit(form: Format, tmp_path: Path) -> None:
    """In order, again, after a gap, before the first, contradicting, and of the least value."""
    first, other = noise(2000, least=True), noise(2000, seed=5)
    starts = (4000, 4000, 6000, 20_000, 0, 4500)
    given = list(zip(starts, (first, first, other, other, other, other), strict=True))
    sounds = Sounds(tmp_path)
    places = [sounds.put(LANE, at, samples) for at, samples in given]
    files = sounds.write(form)
    assert files == 2  # what was before the first has a file of its own, and room for the last
    reader = Reader(tmp_path, form)
    for (_, samples), place in zip(given, places, strict=True):
        assert np.array_equal(reader.samples(place, len(samples)), samples)


def test_what_fills_a_gap_later_lies_in_its_place_and_the_rest_is_silence(tmp_path: Path) -> None:
    sounds = Sounds(tmp_path)
    samples = noise(6000)
    for at in (0, 4000, 2000):
        sounds.put(LANE, at, samples[at : at + 1000])
    assert sounds.write("flac") == 1
    (file,) = tmp_path.iterdir()
    expected = samples[:5000].reshape(-1, 1000).copy()
    expected[1::2] = 0
    assert np.array_equal(soundfile.read(file, dtype="int16")[0], expected.ravel())


@pytest.mark.parametrize("form", FORMS)
def test_a_long_sound_is_read_again_in_any_order(form: Format, tmp_path: Path) -> None:
    samples = noise(200_000)
    sounds = Sounds(tmp_path)
    places = [sounds.put(LANE, at, samples[at : at + 1000]) for at in range(0, 200_000, 1000)]
    sounds.write(form)
    reader = Reader(tmp_path, form)
    for place in (*places, *reversed(places)):
        at = place.at_sample
        assert np.array_equal(reader.samples(place, 1000), samples[at : at + 1000])


@pytest.mark.parametrize("least", [False, True])
def test_a_sound_in_pieces_is_the_file_that_the_library_writes_whole(
    least: bool, tmp_path: Path
) -> None:
    samples = noise(150_001, least=least)
    sounds = Sounds(tmp_path / "ours")
    for at in range(0, len(samples), 1000):
        sounds.put(LANE, at, samples[at : at + 1000])
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    wfdb.wrsamp(
        "W-1-7-0001",
        fs=2000,
        units=["NU"],
        sig_name=["PCG"],
        d_signal=samples.astype(np.int64).reshape(-1, 1),
        fmt=["32" if least else "16"],
        adc_gain=[1.0],
        baseline=[0],
        write_dir=str(theirs),
    )
    sounds.write("wfdb")
    written = {file.name: file.read_bytes() for file in (tmp_path / "ours").iterdir()}
    assert written == {file.name: file.read_bytes() for file in theirs.iterdir()}


def test_flac_in_pieces_is_the_file_that_the_library_writes_whole(tmp_path: Path) -> None:
    samples = noise(150_001)
    pieces = np.array_split(samples, 7)
    forms.write(tmp_path, "ours", 2000, "flac", lambda: iter(pieces))
    soundfile.write(tmp_path / "theirs.flac", samples, 2000, subtype="PCM_16")
    assert (tmp_path / "ours.flac").read_bytes() == (tmp_path / "theirs.flac").read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_is_gone_or_too_short_is_named(form: Format, tmp_path: Path) -> None:
    sounds = Sounds(tmp_path)
    place = sounds.put(LANE, 0, noise(1000))
    sounds.write(form)
    with pytest.raises(UserError, match="W-1-7-0001 is shorter than its chunks say"):
        Reader(tmp_path, form).samples(place, 1001)
    with pytest.raises(UserError, match="gone cannot be read"):
        Reader(tmp_path, form).samples(Place("gone", 0), 10)
