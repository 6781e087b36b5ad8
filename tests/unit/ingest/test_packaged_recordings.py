"""The packaged recordings are small, attributed, whole, and of people whom no model has learnt."""

import csv
from pathlib import Path

import soundfile

from ingest.sounds import PACKAGED

SPLIT = Path("training/split_files/physionet2016.csv")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_index_names_exactly_the_files_that_are_there() -> None:
    indexed = {row["file"] for row in rows(PACKAGED / "index.csv")}
    assert indexed == {path.name for path in PACKAGED.glob("*.flac")}


def test_both_labels_are_there() -> None:
    assert {row["label"] for row in rows(PACKAGED / "index.csv")} == {"normal", "abnormal"}


def test_no_model_was_trained_or_tuned_on_them() -> None:
    part = {row["path"]: row["part"] for row in rows(SPLIT)}
    index = rows(PACKAGED / "index.csv")
    assert {part[f"{row['database']}/{row['file']}"] for row in index} == {"test"}


def test_they_are_small_and_at_the_rate_of_the_wire() -> None:
    files = list(PACKAGED.glob("*.flac"))
    assert sum(file.stat().st_size for file in files) < 8 * 1024 * 1024
    assert {soundfile.info(file).samplerate for file in files} == {2000}
