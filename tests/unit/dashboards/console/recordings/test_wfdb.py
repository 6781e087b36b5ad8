"""WFDB records: the heart's signal, whatever else is in them, as the same sound in a WAV."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from dashboards.console.people.access import Role
from dashboards.console.recordings.foreman import Foreman
from dashboards.console.recordings.models import Recording, State
from dashboards.console.recordings.sound_source import read
from models.errors import UserError
from models.sound_file import read_sound
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.recordings.conftest import SAMPLE
from tests.unit.dashboards.console.recordings.uploads import upload


def _write(folder: Path, names: list[str], *, form: str = "16") -> Path:
    samples, rate_hz = read_sound(SAMPLE)
    ecg = np.zeros_like(samples)
    signals = np.stack([samples if name == "PCG" else ecg for name in names], axis=1)
    wfdb.wrsamp(
        "r",
        fs=rate_hz,
        units=["mV"] * len(names),
        sig_name=names,
        d_signal=signals.astype(np.int64),
        fmt=[form] * len(names),
        adc_gain=[1000.0] * len(names),
        baseline=[0] * len(names),
        write_dir=str(folder),
    )
    return folder / "r.hea"


@pytest.mark.parametrize("names", [["PCG"], ["ECG", "PCG"]])
def test_the_heart_sound_is_read_sample_by_sample(tmp_path: Path, names: list[str]) -> None:
    samples, rate_hz = read(_write(tmp_path, names), "wfdb", name="r.hea")
    expected, expected_hz = read_sound(SAMPLE)
    assert rate_hz == expected_hz
    assert np.array_equal(samples, expected)


def test_of_several_signals_none_of_which_is_a_sound_none_is_taken(tmp_path: Path) -> None:
    header = _write(tmp_path, ["ECG", "RESP"])
    with pytest.raises(UserError, match=r"r\.hea has 2 signals and none is called PCG: ECG, RESP"):
        read(header, "wfdb", name="r.hea")


@pytest.mark.django_db
def test_a_record_is_uploaded_as_its_files_and_answered_as_its_sound(
    program_of: ClientOf, foreman: Foreman, tmp_path: Path
) -> None:
    _write(tmp_path, ["PCG"])
    nurse = program_of(Role.NURSE, "west")
    files = [(name, (tmp_path / name).read_bytes()) for name in ("r.dat", "r.hea")]
    answer = upload(nurse, files, ward="west")
    assert answer.status_code == 202
    assert foreman.step()
    recording = Recording.objects.get(pk=answer.json()["id"])
    assert (recording.state, recording.name) == (State.DONE, "r.hea"), recording.reason
    assert recording.sources.count() == 2
