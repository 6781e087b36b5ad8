"""What a file is by its content, and which files are one recording."""

import pytest

from dashboards.console.recordings import kinds
from dashboards.console.recordings.kinds import RefusedError

HEADER = b"r 1 2000 16000\nr.dat 16 1 16 0 0 0 0 PCG\n"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "wav"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "wav"),
        (b"fLaC\x00\x00\x00\x22", "flac"),
        (b"OggS\x00\x02", "ogg"),
        (b"ID3\x04\x00", "mp3"),
        (b"\xff\xfb\x90\x64", "mp3"),
    ],
)
def test_content_counts_and_not_the_name(head: bytes, kind: str) -> None:
    assert kinds.kind_of(head, "whatever.txt") == kind


@pytest.mark.parametrize("head", [b"\xff\xff\xff\xff", b"\xff\xfb\xf0\x00", b"RIFF\0\0\0\0AVI "])
def test_what_only_begins_like_sound_is_refused(head: bytes) -> None:
    with pytest.raises(RefusedError, match=r"heart\.wav is no sound"):
        kinds.kind_of(head, "heart.wav")


def test_a_header_and_its_signals_are_one_recording() -> None:
    group = kinds.group({"r.dat": b"\0\0", "r.hea": HEADER})
    assert (group.name, group.kind, set(group.files)) == ("r.hea", "wfdb", {"r.hea", "r.dat"})


def test_a_file_that_the_header_does_not_name_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"does not name x\.dat"):
        kinds.group({"r.hea": HEADER, "r.dat": b"\0\0", "x.dat": b"\0"})


def test_two_sounds_are_not_one_recording() -> None:
    with pytest.raises(RefusedError, match="several files"):
        kinds.group({"a.flac": b"fLaC", "b.flac": b"fLaC"})


def test_comments_and_the_lines_after_the_signals_name_no_files() -> None:
    header = "# made by hand\nr 2 2000\nr.dat 16 200 16 0 0 0 0 PCG\nr.dat 16\n# ../etc\n"
    assert kinds.signal_files(header) == ["r.dat"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a/b/c.wav", "c.wav"), ("..", "unnamed"), ("a\\b.wav", "b.wav"), ("x\u202e\n.wav", "x.wav")],
)
def test_a_name_is_shown_without_its_path_and_without_what_cannot_be_seen(
    given: str, shown: str
) -> None:
    assert kinds.plain_name(given) == shown
