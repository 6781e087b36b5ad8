"""The pictures are drawn from the description, and can be read as PNG."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.collections import QuadMesh
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from training.datasets import folder, pictures
from training.datasets.describe import Description, Spectra, describe, listen
from training.datasets.recordings import DataSet

RATE_HZ = 4000


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    rng = np.random.default_rng(1)
    for label, seconds, count in (("normal", 4.0, 3), ("murmur", 2.0, 2)):
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(count):
            sound = rng.integers(-900, 900, round(seconds * RATE_HZ), dtype=np.int16)
            soundfile.write(tmp_path / "own" / label / f"{label}{number}.wav", sound, RATE_HZ)
    return folder.load(tmp_path / "own")


@pytest.fixture
def found(data: DataSet) -> Description:
    return describe(data)


@pytest.fixture
def spectra(data: DataSet) -> Spectra:
    return listen(data)


def test_four_pictures_are_written(
    data: DataSet, found: Description, spectra: Spectra, tmp_path: Path
) -> None:
    files = pictures.draw(data, found, spectra, tmp_path / "new" / "folder")
    assert [file.name for file in files] == [
        "own-classes.png",
        "own-durations.png",
        "own-spectra.png",
        "own-examples.png",
    ]
    for file in files:
        assert imread(file).std() > 0.02  # not a blank sheet


def test_bars_are_as_wide_as_there_are_recordings(found: Description) -> None:
    (axes,) = pictures.classes(found).axes
    bars = [patch.get_width() for patch in axes.patches if isinstance(patch, Rectangle)]
    assert bars == [3, 2]
    assert "3 + 2" in [text.get_text() for text in axes.texts]


def test_one_database_needs_no_second_panel(found: Description, spectra: Spectra) -> None:
    (axes,) = pictures.mean_spectra(found, spectra).axes
    assert {line.get_label() for line in axes.lines} == {"normal (3)", "murmur (2)"}


def test_each_label_has_a_waveform_and_a_spectrogram(data: DataSet, found: Description) -> None:
    figure = pictures.examples(data, found)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title.split(":")[0] for title in titles if title] == ["normal", "murmur"]
    meshes = [it for axes in figure.axes for it in axes.collections if isinstance(it, QuadMesh)]
    assert sum(mesh.get_clim() == (-60.0, 0.0) for mesh in meshes) >= 2
