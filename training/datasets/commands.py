"""What ``heartward data`` says: lists and descriptions, as tables or as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.errors import ConfigurationError, UserError
from training.datasets.catalogue import CATALOGUE, entry, load
from training.datasets.describe import Description, describe, listen
from training.datasets.download import download
from training.datasets.recordings import DataSet, data_places, download_place


class Known(msgspec.Struct, frozen=True):
    """A line of ``heartward data list --json``; `folder` is None where the set is not here."""

    name: str
    about: str
    recordings: int | None
    folder: str | None
    licence: str


def show_list(*, as_json: bool) -> None:
    known = [_known(name) for name in CATALOGUE]
    if as_json:
        _print_json(known)
        return
    rows = [(each.name, each.recordings or "not here", each.about) for each in known]
    _show(("Data set", "Recordings", "What it is"), rows)
    places = ", then in ".join(str(place) for place in data_places())
    Console().print(f"looked for in {places}", highlight=False, markup=False, soft_wrap=True)


def show_description(name: str, plot: Path | None, *, as_json: bool) -> None:
    """Describe a data set; its pictures go to the folder `plot`."""
    data = load(name)
    spectra = listen(data)
    found = describe(data, spectra)
    if as_json:
        _print_json(found)
    else:
        _show_facts(found)
    if plot is not None:
        try:
            from training.datasets.pictures import draw  # noqa: PLC0415 (an extra of its own)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"pictures need {error.name}: pip install 'heartward[training]'"
            ) from error
        for file in draw(data, found, spectra, plot):
            Console(stderr=as_json).print(f"wrote {file}", highlight=False)


def fetch_set(name: str, to: Path | None) -> None:
    """Download a data set below the folder `to`."""
    known = entry(name)
    if not known.can_download:
        raise UserError(f"{name} is a part that is not published as such: {name}-full is all of it")
    download(known.source, (to or download_place()) / name, Console(stderr=True))


def _known(name: str) -> Known:
    known = CATALOGUE[name]
    try:
        data: DataSet | None = known.load()
    except ConfigurationError:
        data = None
    return Known(
        name=name,
        about=known.about,
        recordings=len(data.recordings) if data else None,
        folder=str(data.folder) if data else None,
        licence=known.source.licence,
    )


def _show_facts(found: Description) -> None:
    long = found.durations
    lengths = f"{long.shortest_s:g} to {long.longest_s:g} s, median {long.median_s:g} s"
    lines = (
        f"{found.name} in {found.folder}",
        f"{found.recordings} recordings, {found.unclear} of unsure quality",
        f"{found.subjects} subjects or source groups, at most {found.most_of_one_subject} of one",
        f"{long.total_h:g} h in all, {lengths}",
        *_counts("rate, Hz", found.rates_hz),
        *_counts("site", found.sites),
        *_counts("age", found.age_groups),
        *_counts("sex", found.sexes),
        *_counts("murmur grade", found.murmur_grades),
        *_counts("diagnosis", found.diagnoses),
    )
    for line in lines:
        Console().print(line, highlight=False, markup=False)
    _show_counts(found)
    _show_bands(found)


def _counts(title: str, counts: Mapping[str, int] | Mapping[int, int]) -> list[str]:
    said = ", ".join(f"{value} {count}" for value, count in counts.items())
    return [f"{title}: {said}"] if counts else []


def _show_counts(found: Description) -> None:
    rows: list[Sequence[object]] = [
        (name, group.recordings, group.subjects, *(group.labels.get(it, 0) for it in found.labels))
        for name, group in found.databases.items()
    ]
    of_label = found.labels.values()
    rows += [
        ("all", found.recordings, found.subjects, *(group.recordings for group in of_label)),
        ("subjects with it", "", "", *(group.subjects for group in of_label)),
    ]
    _show(("Database", "Recordings", "Subjects", *found.labels), rows)


def _show_bands(found: Description) -> None:
    rows = [
        (name, *(f"{level:.1f}" for level in group.band_db or ()))
        for groups in (found.labels, found.databases)
        for name, group in groups.items()
    ]
    bands = [f"{low}-{high} Hz" for low, high in found.bands_hz]
    _show(("Power by band, dB", *bands), rows)


def _show(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(box=None, header_style="underline", padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console().print("", table, sep="\n")


def _print_json(value: object) -> None:
    print(msgspec.json.encode(value).decode())  # noqa: T201 (for a pipe)
