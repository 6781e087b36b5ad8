"""What every data set gives: labelled recordings of known people, read from a folder.

A set called NAME lies in ``$HEARTWARD_DATA/NAME``. Without that variable it is looked for in
``../shared/data`` beside the project, then where `heartward data download` puts it.
"""

import csv
import functools
import hashlib
import io
import lzma
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from models.errors import ConfigurationError
from models.sound_file import read_sound

Samples = npt.NDArray[np.int16]

SUFFIXES = (".flac", ".wav")
_BESIDE_PROJECT = Path(__file__).resolve().parents[3] / "shared" / "data"
_TABLES = Path(__file__).parent / "tables"


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled file; what a data set does not say is None.

    Attributes
    ----------
    path
        Its name, relative to the data set's folder; splits and manifests know it by this.
    labels
        One, or several that concur.
    subject
        Whom it was recorded from or, where nobody says, the group of clips cut from one source:
        never in two parts of an honest split.
    database
        The part of the set with a sensor, a place or a time of its own.
    clear
        The annotators' word on its signal quality.
    site
        Where the stethoscope lay: AV, PV, TV, MV (aortic, pulmonary, tricuspid, mitral) or the
        set's own word.
    murmur_grade
        Of six, as in ``III/VI``.
    timings
        Of the murmur in the heart's cycle, as in ``holosystolic``.
    outcome
        The patient's, by all examinations; it may be abnormal with a clean sound.
    """

    path: str
    labels: tuple[str, ...]
    subject: str
    database: str
    clear: bool = True
    sample_rate_hz: int | None = None
    duration_s: float | None = None
    site: str | None = None
    age_group: str | None = None
    sex: str | None = None
    murmur_grade: str | None = None
    timings: tuple[str, ...] = ()
    diagnosis: str | None = None
    outcome: str | None = None

    @property
    def label(self) -> str:
        """The one label; raises `ValueError` where several concur."""
        (label,) = self.labels
        return label


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    folder: Path
    recordings: tuple[Recording, ...]

    def file(self, recording: Recording) -> Path:
        """The sound itself, be it FLAC as in ``../shared/data`` or WAV as published."""
        named = self.folder / recording.path
        for file in (named, *(named.with_suffix(suffix) for suffix in SUFFIXES)):
            if file.is_file():
                return file
        try:
            return _by_stem(self.folder)[named.stem]
        except KeyError:
            raise ConfigurationError(
                f"{recording.path} of {self.name} is not in {self.folder}: "
                f"is the download complete, and unpacked?"
            ) from None

    def read(self, recording: Recording) -> tuple[Samples, int]:
        """Samples, shape (n,), int16, and their rate in Hz, as `heartward classify` reads them.

        Raises
        ------
        UserError
            If the file is not there, and as `models.sound_file.read_sound`.
        """
        return read_sound(self.file(recording))

    def manifest_sha256(self) -> str:
        """Hash of the table of labels: which recordings, what they are called, whose they are."""
        table = self.folder / "labels.csv"
        known = table.read_bytes() if table.is_file() else msgspec.json.encode(self.recordings)
        return hashlib.sha256(known).hexdigest()


def data_folder(name: str, *, holds: Iterable[str] = ("labels.csv",)) -> Path:
    """Folder of one data set: the first place that has any of the files that it `holds`."""
    places = [place / name for place in data_places()]
    for place in places:
        if any(next(place.glob(pattern), None) for pattern in holds):
            return place
    raise ConfigurationError(
        f"{name} is not in {' nor in '.join(str(place) for place in places)}: name the folder of "
        f"the data sets in HEARTWARD_DATA, or try heartward data download {name}"
    )


def data_places() -> tuple[Path, ...]:
    """Where data sets are looked for, in this order."""
    named = os.environ.get("HEARTWARD_DATA")
    return (Path(named),) if named else (_BESIDE_PROJECT, download_place())


def download_place() -> Path:
    """Where data sets are downloaded to."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("HEARTWARD_DATA") or Path(cache) / "heartward" / "data")


def rows(folder: Path, table: str = "labels.csv") -> list[dict[str, str]]:
    """Rows of a folder's table, or of the copy kept here where the folder has only the sound."""
    file = folder / table
    if not file.is_file():
        return _parsed(lzma.decompress((_TABLES / f"{folder.name}.csv.xz").read_bytes()))
    try:
        return _parsed(file.read_bytes())
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{file} is no table of UTF-8 text: {error}") from None


def said(text: str | None) -> str | None:
    """What a cell says; many tables write ``nan`` where they say nothing."""
    text = (text or "").strip()
    return None if text.lower() in {"", "nan", "n/a"} else text


def header(file: Path) -> tuple[int, float]:
    """Rate in Hz and duration in seconds, without reading the sound."""
    try:
        found = soundfile.info(file)
    except soundfile.LibsndfileError as error:
        raise ConfigurationError(f"{file} cannot be read as sound: {error}") from error
    return found.samplerate, found.frames / found.samplerate


def sounds(folder: Path) -> list[Path]:
    """Every WAV and FLAC file below a folder, in one order on every machine."""
    found = (file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    return sorted(file for file in found if not file.name.startswith("."))


def _parsed(table: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"), newline="")))


@functools.cache
def _by_stem(folder: Path) -> dict[str, Path]:
    """Archives unpack into folders of their own names; the recordings' names are unique."""
    return {file.stem: file for file in sounds(folder)}
