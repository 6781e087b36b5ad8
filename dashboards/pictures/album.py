"""A folder of pictures, one of each recording."""

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from dashboards.pictures.recording import draw
from models.classify import RecordingResult
from models.errors import UserError
from models.sound_file import read_sound

_DOTS_PER_INCH = 110


class Album:
    """Names PNG files after their recordings; no two take the same.

    Parameters
    ----------
    names
        What each file shall be called, with as many folders as tell it from the others.

    Raises
    ------
    UserError
        If the folder cannot be made, or a picture not be written.
    """

    def __init__(self, folder: Path, names: Mapping[Path, str]) -> None:
        self.folder = folder
        self.drawn = 0
        self._names = names
        self._taken: Counter[str] = Counter()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"folder {folder} cannot be made: {error.strerror}") from None

    def draw(self, file: Path, result: RecordingResult) -> Path:
        """Draw one recording; returns the PNG's path."""
        samples, sample_rate_hz = read_sound(file)
        picture = draw(samples, sample_rate_hz, result, title=self._names[file])
        path = self.folder / self._file_name(self._names[file])
        try:
            picture.figure.savefig(path, dpi=_DOTS_PER_INCH)
        except OSError as error:
            raise UserError(f"picture {path} cannot be written: {error.strerror}") from None
        self.drawn += 1
        return path

    def _file_name(self, name: str) -> str:
        plain = name.strip(os.sep).replace(os.sep, "-")
        self._taken[plain] += 1
        number = self._taken[plain]
        return f"{plain}.png" if number == 1 else f"{plain}-{number}.png"
