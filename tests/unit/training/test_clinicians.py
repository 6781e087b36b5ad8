import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.errors import ConfigurationError
from training.datasets import catalogue, clinicians

HEADS = "path,model,version,said,verdict,label,subject,labelled_by,labelled_at"
ROWS = (
    "clips/a.wav,screen,0.1.0,abnormal,agree,,p-1,n-1,2026-11-20T09:00:00Z",
    "clips/b.wav,screen,0.1.0,abnormal,disagree,normal,p-1,n-1,2026-11-20T09:01:00Z",
    "clips/c.wav,screen,0.1.0,abnormal,artefact,,p-2,n-2,2026-11-20T10:02:00+01:00",
    "d.flac,valve,1.0.0,AS,disagree,AS;MR,p-3,n-2,2026-11-20T09:03:00Z",
)


def exported(folder: Path, *rows: str, heads: str = HEADS) -> Path:
    (folder / "clips").mkdir(exist_ok=True)
    for name in ("clips/a.wav", "clips/b.wav", "clips/c.wav", "d.flac"):
        soundfile.write(folder / name, np.zeros(4000, np.int16), 2000)
    (folder / "labels.csv").write_text("\n".join([heads, *rows]) + "\n")
    return folder


def test_a_clinicians_word_is_the_truth(tmp_path: Path) -> None:
    labels = clinicians.read(exported(tmp_path, *ROWS))
    assert {each.path: each.labels for each in labels} == {
        "clips/a.wav": ("abnormal",),
        "clips/b.wav": ("normal",),
        "clips/c.wav": (),
        "d.flac": ("AS", "MR"),
    }
    third = labels[2]
    assert (third.said, third.verdict, third.labelled_by) == (("abnormal",), "artefact", "n-2")
    assert third.labelled_at.isoformat() == "2026-11-20T09:02:00+00:00"


def test_an_export_is_a_data_set_without_its_artefacts(tmp_path: Path) -> None:
    data = catalogue.load(str(exported(tmp_path, *ROWS)))
    assert [each.path for each in data.recordings] == ["clips/a.wav", "clips/b.wav", "d.flac"]
    first = data.recordings[0]
    assert (first.labels, first.subject, first.database) == (("abnormal",), "p-1", tmp_path.name)
    assert (first.sample_rate_hz, first.duration_s) == (2000, 2.0)
    assert len(data.read(first)[0]) == 4000


def test_a_plain_folder_of_recordings_is_read_as_before(tmp_path: Path) -> None:
    folder = exported(tmp_path, "d.flac,murmur,p-1", heads="path,label,subject")
    assert not clinicians.is_export(folder)
    assert catalogue.load(str(folder)).recordings[0].labels == ("murmur",)


def test_of_several_labels_of_a_clip_the_latest_counts_wherever_it_stands(tmp_path: Path) -> None:
    later = ROWS[0].replace("agree,,", "disagree,normal,").replace("09:00", "11:00")
    for rows in ((ROWS[0], later), (later, ROWS[0])):
        (label,) = clinicians.read(exported(tmp_path, *rows))
        assert label.labels == ("normal",)


def test_what_is_written_is_read_again_the_same(tmp_path: Path) -> None:
    rows = (f"{ROWS[0]},MV,adult", f"{ROWS[3]},,")
    labels = clinicians.read(exported(tmp_path, *rows, heads=f"{HEADS},site,age_group"))
    assert (labels[0].site, labels[0].age_group, labels[1].site) == ("MV", "adult", None)
    clinicians.write(tmp_path, labels)
    assert clinicians.read(tmp_path) == labels


def test_a_label_that_is_changed_has_another_identity(tmp_path: Path) -> None:
    (before,) = clinicians.read(exported(tmp_path, ROWS[0]))
    (same,) = clinicians.read(exported(tmp_path, ROWS[0]))
    (after,) = clinicians.read(exported(tmp_path, ROWS[0].replace("agree,,", "disagree,normal,")))
    assert before.identity == same.identity != after.identity


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROWS[0].replace("agree", "maybe"), "verdict maybe is not one of agree, disagree"),
        (ROWS[0].replace("abnormal,agree", ",agree"), "the column said is empty"),
        (ROWS[1].replace("normal,p-1", ",p-1"), "disagrees without the corrected label"),
        (ROWS[1].replace(",normal,p", ",abnormal,p"), "corrects it to the same"),
        (ROWS[2].replace("artefact,,", "artefact,normal,"), "disagree has one"),
        (ROWS[0].replace("p-1", ""), "no subject"),
        (ROWS[0].replace("n-1", " "), "no labelled_by"),
        (ROWS[0].replace("09:00:00Z", "nine"), "is no ISO 8601 time"),
        (ROWS[0].replace("09:00:00Z", "09:00:00"), "says no distance from UTC"),
        (ROWS[0].replace("clips/a", "clips/gone"), "no file clips/gone.wav"),
        (ROWS[0].replace("clips/a.wav", "../a.wav"), "not within the folder"),
        (ROWS[0].replace("clips/a.wav", "/etc/passwd"), "not within the folder"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"labels\.csv, line 3: ") as refused:
        clinicians.read(exported(tmp_path, ROWS[1], row))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("column", HEADS.split(","))
def test_a_missing_column_is_refused(tmp_path: Path, column: str) -> None:
    folder = exported(tmp_path, *ROWS[:3])
    with (folder / "labels.csv").open(newline="") as file:
        rows = [{k: v for k, v in row.items() if k != column} for row in csv.DictReader(file)]
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    with pytest.raises(ConfigurationError, match=f"lacks the column {column}: it has "):
        clinicians.read(folder)


@pytest.mark.parametrize("row", ["", "clips/a.wav,abnormal,p-1\n"])
def test_all_missing_columns_are_told_with_those_found_whether_there_are_rows_or_not(
    tmp_path: Path, row: str
) -> None:
    folder = exported(tmp_path)
    (folder / "labels.csv").write_text(f"path,label,patient\n{row}")
    with pytest.raises(ConfigurationError) as refused:
        clinicians.read(folder)
    assert str(refused.value).endswith(
        "labels.csv lacks the columns model, version, said, verdict, subject, labelled_by, "
        "labelled_at: it has path, label, patient"
    )


def test_an_empty_file_has_no_columns(tmp_path: Path) -> None:
    folder = exported(tmp_path)
    (folder / "labels.csv").write_text("")
    with pytest.raises(ConfigurationError, match=r"labelled_at: it has none$"):
        clinicians.read(folder)


def test_a_table_without_rows_holds_no_labels(tmp_path: Path) -> None:
    assert clinicians.read(exported(tmp_path)) == ()


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"has no labels\.csv"):
        clinicians.read(tmp_path)
