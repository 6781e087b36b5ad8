"""Every data set that is known by name."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from models.errors import ConfigurationError
from training.datasets import (
    bmdhs,
    circor2022,
    circor2022_full,
    clinicians,
    folder,
    pascal2011,
    physionet2016,
    sources,
    yaseen2018,
)
from training.datasets.recordings import DataSet
from training.datasets.sources import Source


class Entry(msgspec.Struct, frozen=True):
    """A data set; `can_download` is false for a part that only ``../shared/data`` holds."""

    load: Callable[[], DataSet]
    about: str
    source: Source
    can_download: bool = True


CATALOGUE: dict[str, Entry] = {
    physionet2016.NAME: Entry(
        physionet2016.load,
        "adults, six databases, normal or abnormal",
        sources.PHYSIONET_2016,
    ),
    circor2022.NAME: Entry(
        circor2022.load,
        "Brazilian children, murmur or not: a part, cut",
        sources.CIRCOR_2022,
        can_download=False,
    ),
    circor2022_full.NAME: Entry(
        circor2022_full.load,
        "Brazilian children, murmur or not: all of it",
        sources.CIRCOR_2022,
    ),
    yaseen2018.NAME: Entry(
        yaseen2018.load,
        "clips of four valve lesions and normal hearts",
        sources.YASEEN_2018,
    ),
    pascal2011.NAME: Entry(
        pascal2011.load,
        "telephones, a hospital: extra sounds, artefacts",
        sources.PASCAL_2011,
    ),
    bmdhs.NAME: Entry(
        bmdhs.load,
        "Bangladesh, four valve lesions that may concur",
        sources.BMD_HS,
    ),
}


def load(name: str) -> DataSet:
    """A data set by its name, or a folder of one's own recordings or clinicians' labels."""
    if name in CATALOGUE:
        return CATALOGUE[name].load()
    if clinicians.is_export(Path(name)):
        return clinicians.load(Path(name))
    if Path(name).is_dir():
        return folder.load(Path(name))
    raise _unknown(name)


def entry(name: str) -> Entry:
    try:
        return CATALOGUE[name]
    except KeyError:
        raise _unknown(name) from None


def _unknown(name: str) -> ConfigurationError:
    return ConfigurationError(f"{name} is neither a folder nor one of {', '.join(CATALOGUE)}")
