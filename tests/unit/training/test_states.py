"""States last from onset to onset, and what nobody marked is not guessed."""

import gzip
from itertools import pairwise
from pathlib import Path

import pytest

from models.errors import ConfigurationError
from training.datasets.catalogue import load
from training.datasets.recordings import DataSet, Recording
from training.datasets.states import ONSETS, State, states


def data_set(folder: Path, *paths: str) -> DataSet:
    recordings = (
        Recording(path=path, labels=("normal",), subject=path, database="one") for path in paths
    )
    return DataSet(name="any", folder=folder, recordings=tuple(recordings))


def test_onsets_become_states_and_marked_noise_stays_noise(tmp_path: Path) -> None:
    rows = "a,1,diastole\na,201,S1\na,401,(N\na,1001,N)\na,1201,S2\na,1401,diastole\nb,1,S1\n"
    (tmp_path / ONSETS).write_bytes(gzip.compress(f"path,start_sample,state\n{rows}".encode()))
    assert states(data_set(tmp_path, "a", "b", "c")) == {
        "a": (
            State(0.0, 0.1, "diastole"),
            State(0.1, 0.2, "S1"),
            State(0.2, 0.5, "noise"),
            State(0.6, 0.7, "S2"),
        )
    }


def test_tables_beside_the_recordings_are_read_without_what_nobody_looked_at(
    tmp_path: Path,
) -> None:
    (tmp_path / "1_AV.tsv").write_text("0\t1.5\t0\n1.5\t1.625\t1\n1.625\t1.75\t2\n")
    (tmp_path / "2_AV.tsv").write_text("")
    assert states(data_set(tmp_path, "1_AV.flac", "2_AV.flac", "3_AV.flac")) == {
        "1_AV.flac": (State(1.5, 1.625, "S1"), State(1.625, 1.75, "systole"))
    }


@pytest.mark.parametrize(("name", "marked"), [("physionet2016", 3153), ("circor2022", 805)])
def test_real_states_follow_each_other_inside_the_recording(
    name: str, marked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEARTWARD_DATA", raising=False)
    try:
        data = load(name)
    except ConfigurationError:
        pytest.skip("../shared/data is not here")
    found = states(data)
    assert len(found) == marked
    duration_s = {recording.path: recording.duration_s for recording in data.recordings}
    for path, own in found.items():
        assert own[-1].end_s <= (duration_s[path] or 0) + 0.05, path
        assert all(state.start_s < state.end_s for state in own), path
        assert all(one.end_s <= other.start_s + 2e-3 for one, other in pairwise(own)), path
