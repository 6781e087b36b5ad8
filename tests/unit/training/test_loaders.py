"""Tiny folders in the layouts in which the data sets are published."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.errors import ConfigurationError, UserError
from models.recording import Pace
from models.recording import Recording as Sound
from models.sound_file import read_sound
from training.datasets import (
    bmdhs,
    circor2022_full,
    describe,
    folder,
    pascal2011,
    physionet2016,
    yaseen2018,
)
from training.datasets.recordings import DataSet, Recording


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEARTWARD_DATA", str(tmp_path))
    return tmp_path


def sound(file: Path, rate_hz: int = 4000, seconds: float = 0.5, level: int = 0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, np.full(round(rate_hz * seconds), level, np.int16), rate_hz)


def by_name(data_set: DataSet) -> dict[str, Recording]:
    return {Path(recording.path).stem: recording for recording in data_set.recordings}


PATIENTS = """\
Patient ID,Recording locations:,Age,Sex,Murmur,Murmur locations,Systolic murmur timing,\
Systolic murmur grading,Diastolic murmur timing,Outcome,Campaign,Additional ID
100,AV+PV,Child,Female,Absent,nan,nan,nan,nan,Abnormal,CC2015,nan
200,AV+PV,Infant,Male,Present,PV,Holosystolic,III/VI,nan,Abnormal,CC2014,300
300,AV,nan,Male,Unknown,nan,nan,nan,nan,Normal,CC2015,200
"""


class TestAllOfCircor:
    @pytest.fixture(autouse=True)
    def _published(self, data: Path) -> None:
        home = data / circor2022_full.NAME
        for name in ("100_AV", "100_PV_2", "200_AV", "200_PV", "300_AV"):
            sound(home / "training_data" / f"{name}.wav")
        (home / "training_data.csv").write_text(PATIENTS)

    def test_the_label_is_the_murmur_at_the_site_and_nothing_is_guessed(self) -> None:
        found = by_name(circor2022_full.load())
        labels = {name: recording.label for name, recording in found.items()}
        assert labels == {"100_AV": "normal", "100_PV_2": "normal", "200_PV": "abnormal"}

    def test_what_is_known_of_the_patient_is_kept(self) -> None:
        heard = by_name(circor2022_full.load())["200_PV"]
        assert (heard.sex, heard.age_group, heard.site) == ("male", "infant", "PV")
        assert (heard.murmur_grade, heard.timings) == ("III/VI", ("holosystolic",))
        assert (heard.outcome, heard.database) == ("abnormal", "CC2014")
        assert (heard.sample_rate_hz, heard.duration_s) == (4000, 0.5)

    def test_one_person_under_two_numbers_is_one_subject(self) -> None:
        found = by_name(circor2022_full.load())
        assert found["200_PV"].subject == "circor_P300"
        assert found["100_AV"].subject == found["100_PV_2"].subject == "circor_P100"

    def test_the_challenges_release_without_the_table_reads_the_same(self, data: Path) -> None:
        home = data / circor2022_full.NAME
        from_table = circor2022_full.load().recordings
        heads, *lines = [line.split(",") for line in PATIENTS.splitlines()]
        for cells in lines:
            said = [f"#{head.strip(':')}: {cell}" for head, cell in zip(heads, cells, strict=True)]
            text = f"{cells[0]} 1 4000\nAV {cells[0]}_AV.hea {cells[0]}_AV.wav\n" + "\n".join(said)
            (home / "training_data" / f"{cells[0]}.txt").write_text(text)
        (home / "training_data.csv").unlink()
        assert circor2022_full.load().recordings == from_table

    def test_a_recording_of_nobody_is_refused_by_name(self, data: Path) -> None:
        sound(data / circor2022_full.NAME / "training_data" / "999_AV.wav")
        with pytest.raises(ConfigurationError, match=r"999_AV\.wav belongs to no patient"):
            circor2022_full.load()


class TestPascal:
    def test_the_organisers_archives_are_read_by_their_folders(self, data: Path) -> None:
        home = data / pascal2011.NAME
        sound(home / "Atraining_normal" / "201101070538.wav", 44_100)
        sound(home / "Atraining_extrahs" / "201101070538.wav", 44_100)
        sound(home / "Aunlabelledtest" / "201012172010.wav", 44_100)
        sound(home / "Training B Normal" / "Btraining_noisynormal" / "125_1306332456645_C.wav")
        sound(home / "Btraining_extrasystole" / "127_1306764300147_C2.wav")
        found = pascal2011.load().recordings
        assert sorted(recording.label for recording in found) == [
            "extrahls",
            "extrastole",
            "normal",
            "normal",
        ]
        noisy = by_name(pascal2011.load())["125_1306332456645_C"]
        assert (noisy.subject, noisy.site, noisy.clear) == ("b_125", "C", False)
        assert noisy.database == "set_b"

    @pytest.fixture
    def common_copy(self, data: Path) -> Path:
        home = data / pascal2011.NAME
        for name in (
            "set_a/artifact__201012172012",
            "set_a/Aunlabelledtest__201012172010",
            "set_b/murmur_noisymurmur_162_1307101835989_D1",
            "set_b/normal__162_1307101835989_D2",
        ):
            sound(home / f"{name}.wav")
        (home / "set_a.csv").write_text(
            "dataset,fname,label,sublabel\n"
            "a,set_a/artifact__201012172012.wav,artifact,\n"
            "a,set_a/__201012172010.wav,,\n"
        )
        (home / "set_b.csv").write_text(
            "dataset,fname,label,sublabel\n"
            "b,set_b/Btraining_murmur_Btraining_noisymurmur_162_1307101835989_D1.wav,murmur,"
            "noisymurmur\n"
            "b,set_b/Btraining_normal_162_1307101835989_D2.wav,murmur,\n"
        )
        return home

    @pytest.mark.usefixtures("common_copy")
    def test_tables_whose_names_are_not_those_of_the_files_still_count(self) -> None:
        found = by_name(pascal2011.load())
        assert {name: recording.label for name, recording in found.items()} == {
            "artifact__201012172012": "artifact",
            "murmur_noisymurmur_162_1307101835989_D1": "murmur",
            "normal__162_1307101835989_D2": "murmur",  # as its table says
        }
        assert {found[name].subject for name in found if "162" in name} == {"b_162"}

    def test_a_second_copy_of_a_file_is_no_second_recording(self, common_copy: Path) -> None:
        sound(common_copy / "Heartbeat_Sound" / "artifact" / "artifact__201012172012.wav")
        assert len(pascal2011.load().recordings) == 3


LESIONS = """\
patient_id,AS,AR,MR,MS,N,recording_1,recording_2
patient_001,1,1,0,0,0,MD_001_sup_Mit,MD_001_sit_Aor
patient_022,N/A,N/A,N/A,N/A,N/A,MD_022_sup_Mit,MD_022_sit_Aor
patient_089,0,0,0,0,1,N_089_sup_Pul,
"""


class TestBmdHs:
    @pytest.fixture(autouse=True)
    def _published(self, data: Path) -> None:
        home = data / bmdhs.NAME
        for name in ("MD_001_sup_Mit", "MD_001_sit_Aor", "N_089_sup_Pul"):
            sound(home / "train" / f"{name}.wav")
        (home / "train.csv").write_text(LESIONS)
        (home / "additional_metadata.csv").write_text(
            "patient_id,Age,Gender,Smoker,Lives\npatient_001,30-39,M,1,U\n"
        )

    def test_lesions_concur_and_patients_without_any_word_are_left_out(self) -> None:
        found = by_name(bmdhs.load())
        assert {name: recording.labels for name, recording in found.items()} == {
            "MD_001_sup_Mit": ("AS", "AR"),
            "MD_001_sit_Aor": ("AS", "AR"),
            "N_089_sup_Pul": ("N",),
        }
        assert found["MD_001_sit_Aor"].site == "AV"
        assert (found["MD_001_sit_Aor"].sex, found["MD_001_sit_Aor"].age_group) == ("male", "30-39")
        assert found["N_089_sup_Pul"].sex is None

    def test_there_is_no_one_label_where_several_concur(self) -> None:
        with pytest.raises(ValueError, match="unpack"):
            _ = bmdhs.load().recordings[0].label

    def test_nobody_is_normal_and_ill(self, data: Path) -> None:
        table = data / bmdhs.NAME / "train.csv"
        table.write_text(LESIONS.replace("patient_001,1,1,0,0,0", "patient_001,1,1,0,0,1"))
        with pytest.raises(ConfigurationError, match="patient_001 normal and AS at once"):
            bmdhs.load()


class TestPublishedAudioWithOurTables:
    def test_wav_files_of_physionet_need_no_table_of_labels(self, data: Path) -> None:
        sound(data / physionet2016.NAME / "training-a" / "a0001.wav", 2000, level=7)
        found = physionet2016.load()
        assert len(found.recordings) == 3153
        samples, rate_hz = found.read(by_name(found)["a0001"])
        assert (samples[0], rate_hz) == (7, 2000)

    def test_clips_of_yaseen_are_found_in_whatever_folder_they_unpack_into(
        self, data: Path
    ) -> None:
        sound(data / yaseen2018.NAME / "AS_New_3주기" / "New_AS_001.wav", 8000, level=5)
        found = yaseen2018.load()
        samples, _ = found.read(by_name(found)["New_AS_001"])
        assert samples[0] == 5

    def test_a_recording_that_is_not_there_is_named(self, data: Path) -> None:
        sound(data / physionet2016.NAME / "training-a" / "a0001.wav")
        found = physionet2016.load()
        with pytest.raises(ConfigurationError, match=r"training-a/a0002\.flac of physionet2016"):
            found.read(by_name(found)["a0002"])

    def test_doubtful_clips_are_left_out_and_no_source_has_two_labels(self, data: Path) -> None:
        sound(data / yaseen2018.NAME / "AS" / "New_AS_001.wav")
        found = yaseen2018.load().recordings
        assert len(found) == 977
        assert not by_name(yaseen2018.load()).keys() & {"New_MR_038", "New_MS_172", "New_N_200"}
        labels = {(recording.subject, recording.label) for recording in found}
        assert len(labels) == len({subject for subject, _ in labels}) == 72


class TestAPersonsOwnFolder:
    def test_each_subfolder_is_a_class(self, tmp_path: Path) -> None:
        sound(tmp_path / "murmur" / "monday" / "1.wav")
        sound(tmp_path / "normal" / "2.flac")
        sound(tmp_path / "of-no-class.wav")
        found = by_name(folder.load(tmp_path))
        assert {name: it.labels for name, it in found.items()} == {
            "1": ("murmur",),
            "2": ("normal",),
        }

    def test_a_table_may_give_labels_that_concur_and_the_subject(self, tmp_path: Path) -> None:
        sound(tmp_path / "1.wav")
        sound(tmp_path / "2.wav")
        (tmp_path / "labels.csv").write_text("path,label,subject\n1.wav,AS;MR,anna\n2.wav,N,\n")
        first, second = folder.load(tmp_path).recordings
        assert (first.labels, first.subject) == (("AS", "MR"), "anna")
        assert (second.labels, second.subject) == (("N",), "2.wav")

    @pytest.mark.parametrize(
        ("table", "complaint"),
        [
            ("file,label\n1.wav,N\n", "lacks the column path"),
            ("path,label\n1.wav,\n", "line 2: 1.wav has no label"),
            ("path,label\n1.wav,N\n9.wav,N\n", "line 3: no file 9.wav"),
            ("path,label\n../1.wav,N\n", "line 2: no file ../1.wav"),
            ("path,label\n1.wav,N\n1.wav,MR\n", "line 3: 1.wav was listed before"),
            ("path,label\n./1.wav,N\n1.wav,N\n", "line 3: 1.wav was listed before"),
            ("path,label\n1.wav,Ger\xe4usch\n", "labels.csv is no table of UTF-8 text"),
            ("path,label\n", "has neither labels.csv nor"),
        ],
    )
    def test_a_faulty_table_is_refused_by_its_line(
        self, tmp_path: Path, table: str, complaint: str
    ) -> None:
        sound(tmp_path / "own" / "1.wav")
        sound(tmp_path / "1.wav")
        (tmp_path / "own" / "labels.csv").write_bytes(table.encode("latin-1"))
        with pytest.raises(ConfigurationError, match=complaint):
            folder.load(tmp_path / "own")

    def test_a_file_that_is_no_sound_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "murmur").mkdir()
        (tmp_path / "murmur" / "1.wav").write_bytes(b"not a recording")
        with pytest.raises(ConfigurationError, match=r"1\.wav cannot be read as sound"):
            folder.load(tmp_path)

    @pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
    def test_floating_point_is_heard_as_loud_as_integers(
        self, tmp_path: Path, subtype: str
    ) -> None:
        (tmp_path / "murmur").mkdir()
        steps = np.array([0, 1, -8192, 32767, -32768] * 80, np.int16)
        soundfile.write(tmp_path / "murmur" / "1.wav", steps / 2**15, 4000, subtype=subtype)
        found = folder.load(tmp_path)
        samples, _ = found.read(found.recordings[0])
        assert samples.dtype == np.int16
        assert np.array_equal(samples, steps)

    @pytest.mark.parametrize(("rate_hz", "read_hz"), [(11025, 16000), (22050, 44100)])
    def test_a_rate_that_the_grid_cannot_cut_is_heard_as_classify_hears_it(
        self, tmp_path: Path, rate_hz: int, read_hz: int
    ) -> None:
        sound(tmp_path / "murmur" / "1.wav", rate_hz=rate_hz, seconds=6, level=100)
        found = folder.load(tmp_path)
        samples, heard_hz = found.read(found.recordings[0])
        assert (heard_hz, len(samples)) == (read_hz, 6 * read_hz)
        assert np.array_equal(samples, read_sound(tmp_path / "murmur" / "1.wav")[0])
        assert len(Sound(samples, heard_hz).qualities(Pace(5.0, 2.5))) == 1

    def test_what_is_no_number_is_no_recording(self, tmp_path: Path) -> None:
        (tmp_path / "murmur").mkdir()
        broken = np.array([0.0, np.nan] * 200, np.float32)
        soundfile.write(tmp_path / "murmur" / "1.wav", broken, 4000, subtype="FLOAT")
        found = folder.load(tmp_path)
        with pytest.raises(UserError, match=r"1\.wav holds samples that are not numbers"):
            found.read(found.recordings[0])

    def test_a_recording_that_is_damaged_is_named_where_a_set_is_described(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "murmur").mkdir()
        file = tmp_path / "murmur" / "1.flac"
        noise = np.random.default_rng(0).integers(-9999, 9999, 8000).astype(np.int16)
        soundfile.write(file, noise, 4000)
        file.write_bytes(file.read_bytes()[:-3000])
        with pytest.raises(UserError, match=r"1\.flac cannot be read as WAV, FLAC") as refused:
            describe.listen(folder.load(tmp_path))
        assert "\n" not in str(refused.value)

    def test_a_name_that_is_no_text_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "murmur").mkdir()
        name = os.fsdecode(b"murmur/Andr\xe9.wav")
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(ConfigurationError, match="Andr\ufffd\\.wav is no UTF-8 text"):
            folder.load(tmp_path)

    def test_two_channels_are_averaged(self, tmp_path: Path) -> None:
        (tmp_path / "murmur").mkdir()
        channels = np.tile(np.array([[100, 200]], np.int16), (400, 1))
        soundfile.write(tmp_path / "murmur" / "1.wav", channels, 4000)
        found = folder.load(tmp_path)
        samples, _ = found.read(found.recordings[0])
        assert samples.shape == (400,)
        assert set(samples.tolist()) == {150}
