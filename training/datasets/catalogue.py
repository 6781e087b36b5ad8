"""Every data set that is known by name."""

from collections.abc import Callable, Iterable
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


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A data set.

    Attributes
    ----------
    labels, diagnoses
        All that its recordings may be called, known without reading it.
    people
        What stands for persons there, where nobody says whose a clip is.
    can_download
        False for a part that only ``../shared/data`` holds.
    """

    load: Callable[[], DataSet]
    about: str
    source: Source
    labels: tuple[str, ...]
    diagnoses: tuple[str, ...] = ()
    people: str = "subjects"
    can_download: bool = True


CATALOGUE: dict[str, Entry] = {
    physionet2016.NAME: Entry(
        load=physionet2016.load,
        about="adults, six databases, normal or abnormal",
        source=sources.PHYSIONET_2016,
        labels=physionet2016.LABELS,
        diagnoses=physionet2016.DIAGNOSES,
    ),
    circor2022.NAME: Entry(
        load=circor2022.load,
        about="Brazilian children, murmur or not: a part, cut",
        source=sources.CIRCOR_2022,
        labels=circor2022.LABELS,
        can_download=False,
    ),
    circor2022_full.NAME: Entry(
        load=circor2022_full.load,
        about="Brazilian children, murmur or not: all of it",
        source=sources.CIRCOR_2022,
        labels=circor2022.LABELS,
    ),
    yaseen2018.NAME: Entry(
        load=yaseen2018.load,
        about="clips of four valve lesions and normal hearts",
        source=sources.YASEEN_2018,
        labels=yaseen2018.LABELS,
        people="source groups",
    ),
    pascal2011.NAME: Entry(
        load=pascal2011.load,
        about="telephones, a hospital: extra sounds, artefacts",
        source=sources.PASCAL_2011,
        labels=pascal2011.LABELS,
    ),
    bmdhs.NAME: Entry(
        load=bmdhs.load,
        about="Bangladesh, four valve lesions that may concur",
        source=sources.BMD_HS,
        labels=bmdhs.LABELS,
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


def people_of(names: Iterable[str]) -> str:
    """What those are who were recorded in some data sets: subjects, source groups, or either."""
    own = {CATALOGUE[name].people if name in CATALOGUE else "subjects" for name in names}
    return " or ".join(sorted(own, reverse=True))


def kin_of(name: str) -> frozenset[str]:
    """The data sets that hold recordings of this one, itself among them: parts of one publication.

    A person's own folder has none but itself.
    """
    if name not in CATALOGUE:
        return frozenset({name})
    published = CATALOGUE[name].source
    return frozenset(other for other, each in CATALOGUE.items() if each.source == published)


def _unknown(name: str) -> ConfigurationError:
    return ConfigurationError(f"{name} is neither a folder nor one of {', '.join(CATALOGUE)}")
