from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.errors import ConfigurationError
from training.datasets import circor2022, physionet2016

PHYSIONET = """\
path,label,subject,signal_quality,database,diagnosis,sample_rate_hz,duration_s
training-a/a0001.flac,abnormal,a_C45,1,training-a,MVP,2000,12.0
training-a/a0002.flac,normal,a_C19,0,training-a,Normal,2000,6.0
"""
CIRCOR = """\
path,label,subject,site,murmur_grade,systolic_timing,diastolic_timing,outcome,age_group,campaign,\
sample_rate_hz,duration_s,states
recordings/1_AV.flac,normal,circor_1,AV,,,,Abnormal,Child,CC2015,2000,10.0,24
recordings/2_PV.flac,abnormal,circor_2,PV,nan,Holosystolic,Early-diastolic,Abnormal,,CC2014,2000,9.0,0
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEARTWARD_DATA", str(tmp_path))
    rng = np.random.default_rng(0)
    for name, table in (("physionet2016", PHYSIONET), ("circor2022", CIRCOR)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.csv").write_text(table)
    (tmp_path / "physionet2016" / "training-a").mkdir()
    for number, seconds in ((1, 12), (2, 6)):
        sound = rng.integers(-900, 900, 2000 * seconds, dtype=np.int16)
        soundfile.write(tmp_path / f"physionet2016/training-a/a000{number}.flac", sound, 2000)
    return tmp_path


@pytest.mark.usefixtures("data")
def test_recordings_carry_label_person_database_and_the_annotators_word_on_quality() -> None:
    first, second = physionet2016.load().recordings
    assert (first.label, first.subject, first.database) == ("abnormal", "a_C45", "training-a")
    assert (first.clear, second.clear) == (True, False)
    assert (first.diagnosis, first.sample_rate_hz, first.duration_s) == ("MVP", 2000, 12.0)


@pytest.mark.usefixtures("data")
def test_the_label_of_circor_is_the_murmur_not_the_outcome() -> None:
    silent, heard = circor2022.load().recordings
    assert (silent.label, silent.outcome) == ("normal", "abnormal")
    assert (silent.site, silent.age_group, silent.timings) == ("AV", "child", ())
    assert (heard.label, heard.murmur_grade, heard.age_group) == ("abnormal", None, None)
    assert heard.timings == ("holosystolic", "early-diastolic")


def test_the_manifests_hash_changes_with_a_label(data: Path) -> None:
    before = physionet2016.load().manifest_sha256()
    labels = data / "physionet2016" / "labels.csv"
    labels.write_text(PHYSIONET.replace("abnormal", "normal"))
    assert physionet2016.load().manifest_sha256() != before


def test_a_folder_without_the_data_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTWARD_DATA", str(tmp_path))
    with pytest.raises(ConfigurationError, match="name the folder of the data sets"):
        physionet2016.load()
