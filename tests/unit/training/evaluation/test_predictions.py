import gzip
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.classify import overall
from models.errors import ConfigurationError
from tests.unit.training.evaluation.made import RUN, predictions
from training.datasets.recordings import Recording
from training.evaluation.predictions import file_name, find, heard, read, write
from training.evaluation.scored import scored

RECORD = Recording(path="a.wav", labels=("MR",), subject="s", database="d", murmur_grade="II/VI")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    given = predictions([0.3, 0.7], [0, 1])
    path = tmp_path / "deep" / file_name(given.run)
    write(given, path)
    assert read(path) == given
    assert list(find(tmp_path)) == [path]


def test_the_same_predictions_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(predictions([0.3], [0]), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_float32_survives_exactly(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    windows = draw.dirichlet(np.ones(3), size=500).astype(np.float32)
    row = heard(RECORD, ("MR",), windows, np.ones(500, bool))
    write(msgspec.structs.replace(predictions([], []), recordings=(row,)), tmp_path / "p")
    again = np.array(read(tmp_path / "p").recordings[0].windows, np.float32)
    assert (again == windows).all()


def test_a_recording_is_combined_as_classify_does_it() -> None:
    windows = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], np.float32)
    usable = np.array([True, False, True])
    row = heard(RECORD, ("abnormal",), windows, usable)
    assert row.combined == tuple(overall(windows, usable).tolist())
    assert row.combined == pytest.approx((0.65, 0.35))
    assert (row.murmur_grade, row.usable) == ("II/VI", (True, False, True))


@pytest.mark.parametrize("spoil", ["cut", "other", "empty", "text"])
def test_a_spoilt_file_is_told_in_one_line(spoil: str, tmp_path: Path) -> None:
    path = tmp_path / "p"
    write(predictions([0.3], [0]), path)
    contents = {
        "cut": path.read_bytes()[:40],
        "other": gzip.compress(b'{"a": 1}\n'),
        "empty": b"",
        "text": b"path,label\n",
    }
    path.write_bytes(contents[spoil])
    with pytest.raises(ConfigurationError) as refused:
        read(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read(tmp_path / "none")


def test_names_differ_by_what_was_tested() -> None:
    runs = [
        RUN,
        *(
            msgspec.structs.replace(RUN, **{field: value})
            for field, value in (
                ("fold", "3"),
                ("seed", 2),
                ("part", "validation"),
                ("protocol", "all"),
                ("data_set", "circor2022"),
            )
        ),
    ]
    assert len({file_name(run) for run in runs}) == len(runs)


def test_windows_carry_the_truth_and_the_subject_of_their_recording() -> None:
    found = scored([predictions([0.3, 0.7], [0, 1])], "window")
    assert found.probabilities[:, 1] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert found.actual.tolist() == [0, 0, 1, 1]
    assert found.subject.tolist() == ["s0", "s0", "s1", "s1"]


def test_tests_of_other_labels_are_not_pooled() -> None:
    other = msgspec.structs.replace(RUN, labels=("abnormal", "normal"))
    with pytest.raises(ConfigurationError, match="same labels"):
        scored([predictions([0.3], [0]), predictions([0.3], [0], run=other)])
    with pytest.raises(ConfigurationError, match="nothing was tested"):
        scored([predictions([], [])])
