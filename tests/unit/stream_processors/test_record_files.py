"""A period in a file comes out as it went in, and what is no such file says so."""

from pathlib import Path

import pytest

from models.errors import UserError
from stream_processors.record_files import KeptRecord, from_file, write_file

RECORDS = [
    KeptRecord("pcg.results", 1_000, b"d1", b"\x00\xff" * 1000),
    KeptRecord("pcg.assignments", 2_000, b"a1", None),
    KeptRecord("pcg.alarms", 3_000, None, b""),
]


def test_records_survive_their_file(tmp_path: Path) -> None:
    assert write_file(RECORDS, tmp_path / "shift.records") == 3
    assert list(from_file(tmp_path / "shift.records")) == RECORDS
    assert [path.name for path in tmp_path.iterdir()] == ["shift.records"]


def test_no_records_make_a_file_too(tmp_path: Path) -> None:
    assert write_file([], tmp_path / "empty") == 0
    assert list(from_file(tmp_path / "empty")) == []


@pytest.mark.parametrize("cut", [1, 3, 500])
def test_a_file_that_ends_in_the_middle_is_named(cut: int, tmp_path: Path) -> None:
    file = tmp_path / "cut"
    write_file(RECORDS[:1], file)
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(UserError, match="cut is damaged: it ends in the middle"):
        list(from_file(file))


@pytest.mark.parametrize("content", [b"", b"RIFF....", b"heartward-records-9\n"])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(UserError, match="holds no records"):
        list(from_file(tmp_path / "x.wav"))


def test_nonsense_in_a_frame_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"heartward-records-1\n\x00\x00\x00\x02\xc1\xc1")
    with pytest.raises(UserError, match="is damaged"):
        list(from_file(file))
    file.write_bytes(b"heartward-records-1\n\xff\xff\xff\xff\xc1\xc1")
    with pytest.raises(UserError, match="is damaged"):
        list(from_file(file))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone cannot be read: No such file"):
        list(from_file(tmp_path / "gone"))
    with pytest.raises(UserError, match="cannot be written"):
        write_file([], tmp_path / "no" / "folder")
