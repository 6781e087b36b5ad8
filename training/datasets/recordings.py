"""What every data set gives: labelled recordings of known people, read from a folder.

The folder is named by ``HEARTWARD_DATA``; without it, ``../shared/data`` beside the project.
"""

import csv
import hashlib
import os
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from models.errors import ConfigurationError

_BESIDE_PROJECT = Path(__file__).resolve().parents[3] / "shared" / "data"


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled file; `clear` is the annotators' word on its signal quality."""

    path: str
    label: str
    subject: str
    database: str
    clear: bool = True


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    folder: Path
    recordings: tuple[Recording, ...]

    def read(self, recording: Recording) -> tuple[npt.NDArray[np.int16], int]:
        """Samples, shape (n,), int16, and their rate in Hz."""
        samples, sample_rate_hz = soundfile.read(self.folder / recording.path, dtype="int16")
        return samples, sample_rate_hz

    def manifest_sha256(self) -> str:
        """Hash of the table of labels: which recordings, what they are called, whose they are."""
        return hashlib.sha256((self.folder / "labels.csv").read_bytes()).hexdigest()


def data_folder(name: str) -> Path:
    """Folder of one data set; raises `ConfigurationError` where it is not."""
    folder = Path(os.environ.get("HEARTWARD_DATA", _BESIDE_PROJECT)) / name
    if not (folder / "labels.csv").is_file():
        raise ConfigurationError(
            f"{folder / 'labels.csv'} is not there: name the folder of the data sets "
            "in HEARTWARD_DATA"
        )
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
