"""What clinicians said of clips that a model had judged: the console's export, as a data set.

A folder of WAV or FLAC clips and ``labels.csv``:

    path,model,version,said,verdict,label,subject,labelled_by,labelled_at
    clips/0001.flac,screen,0.1.0,abnormal,agree,,p-17,nurse-3,2026-11-20T09:31:00Z
    clips/0002.flac,screen,0.1.0,abnormal,disagree,normal,p-17,nurse-3,2026-11-20T09:32:10Z
    clips/0003.flac,screen,0.1.0,abnormal,artefact,,p-18,nurse-3,2026-11-20T09:33:00+01:00

===============  ================================================================================
column           what it holds
===============  ================================================================================
`path`           of the clip, relative to the folder
`model`          whose finding was shown, and its `version`
`said`           the finding that was shown
`verdict`        `agree`: it is so. `disagree`: it is `label`. `artefact`: no heart can be judged
`label`          of `disagree` alone; several that concur are parted by semicolons
`subject`        pseudonym of the patient, never a name; keeps a person out of two parts
`labelled_by`    pseudonym of the clinician
`labelled_at`    ISO 8601, with its distance from UTC
===============  ================================================================================

Columns `site`, `age_group` and `sex` are read too if they are there. Where a clip was labelled
several times the latest counts. Artefacts are kept in the table and nothing is learnt from them.
"""

import csv
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

import msgspec

from models.errors import ConfigurationError
from training.datasets.recordings import DataSet, Recording, header, rows, said

TABLE = "labels.csv"
Verdict = Literal["agree", "disagree", "artefact"]

_VERDICTS: tuple[str, ...] = get_args(Verdict)
_NEEDED = (
    *("path", "model", "version", "said", "verdict"),
    *("label", "subject", "labelled_by", "labelled_at"),
)


class ClinicianLabel(msgspec.Struct, frozen=True, kw_only=True):
    """One row; `labels` is the truth by the clinician, empty of an artefact."""

    path: str
    model: str
    version: str
    said: tuple[str, ...]
    verdict: Verdict
    labels: tuple[str, ...]
    subject: str
    labelled_by: str
    labelled_at: datetime
    site: str | None = None
    age_group: str | None = None
    sex: str | None = None

    @property
    def identity(self) -> str:
        """Hash of what was said of which clip: a label that is changed is a new one."""
        parts = (self.path, *self.labels, self.verdict, self.subject, self.labelled_at.isoformat())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def is_export(folder: Path) -> bool:
    """Whether the folder's table is one of clinicians' verdicts."""
    try:
        return {"verdict", "labelled_by"} <= set(_columns(folder))
    except (OSError, UnicodeDecodeError):
        return False


def read(folder: Path) -> tuple[ClinicianLabel, ...]:
    """Read and check an export: the latest label of each clip, by path.

    Raises
    ------
    ConfigurationError
        If the table is missing or a row cannot be; the message names the line.
    """
    if not (folder / TABLE).is_file():
        raise ConfigurationError(f"{folder} has no {TABLE}: name a folder that the console wrote")
    try:
        columns, table = _columns(folder), rows(folder, TABLE)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{folder / TABLE} is no table: {error}") from None
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise ConfigurationError(
            f"{folder / TABLE} lacks the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(missing)}: it has {', '.join(columns) or 'none'}"
        )
    latest: dict[str, ClinicianLabel] = {}
    for line, row in enumerate(table, start=2):
        label = _label(row, f"{folder / TABLE}, line {line}")
        if not (folder / label.path).is_file():
            raise ConfigurationError(
                f"{folder / TABLE}, line {line}: no file {label.path} in {folder}"
            )
        before = latest.get(label.path)
        if before is None or label.labelled_at >= before.labelled_at:
            latest[label.path] = label
    return tuple(latest[path] for path in sorted(latest))


def load(folder: Path) -> DataSet:
    """The clips of which something can be learnt."""
    return data_set(folder, read(folder), name=folder.resolve().name)


def data_set(folder: Path, labels: tuple[ClinicianLabel, ...], *, name: str) -> DataSet:
    """These labels' clips, but for artefacts, under a name."""
    recordings = tuple(_recording(folder, each, name) for each in labels if each.labels)
    return DataSet(name=name, folder=folder, recordings=recordings)


def write(folder: Path, labels: tuple[ClinicianLabel, ...]) -> None:
    """Write the table, in the form that `read` takes."""
    optional = [
        name for name in ("site", "age_group", "sex") if any(getattr(it, name) for it in labels)
    ]
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow((*_NEEDED, *optional))
        for each in labels:
            corrected = ";".join(each.labels) if each.verdict == "disagree" else ""
            table.writerow(
                (
                    *(each.path, each.model, each.version, ";".join(each.said), each.verdict),
                    *(corrected, each.subject, each.labelled_by, each.labelled_at.isoformat()),
                    *(getattr(each, name) or "" for name in optional),
                )
            )


def _columns(folder: Path) -> list[str]:
    with (folder / TABLE).open(newline="", encoding="utf-8-sig") as file:
        return next(csv.reader(file), [])


def _label(row: dict[str, str], where: str) -> ClinicianLabel:
    cells = {name: said(row[name]) for name in _NEEDED}
    for name in ("path", "model", "version", "verdict", "subject", "labelled_by", "labelled_at"):
        if cells[name] is None:
            raise ConfigurationError(f"{where}: no {name}")
    path = Path(cells["path"] or "")
    if path.is_absolute() or ".." in path.parts:
        raise ConfigurationError(f"{where}: {path} is not within the folder")
    verdict, shown, corrected = cells["verdict"], _words(row["said"]), _words(row["label"])
    if verdict not in _VERDICTS:
        raise ConfigurationError(f"{where}: verdict {verdict} is not one of {', '.join(_VERDICTS)}")
    fault = _fault(verdict, shown, corrected)
    if fault:
        raise ConfigurationError(f"{where}: {fault}")
    labels = {"agree": shown, "disagree": corrected, "artefact": ()}[verdict]
    return ClinicianLabel(
        path=path.as_posix(),
        model=cells["model"] or "",
        version=cells["version"] or "",
        said=shown,
        verdict=msgspec.convert(verdict, Verdict),
        labels=labels,
        subject=cells["subject"] or "",
        labelled_by=cells["labelled_by"] or "",
        labelled_at=_moment(cells["labelled_at"] or "", where),
        site=said(row.get("site")),
        age_group=said(row.get("age_group")),
        sex=said(row.get("sex")),
    )


def _fault(verdict: str, shown: tuple[str, ...], corrected: tuple[str, ...]) -> str | None:
    if verdict == "agree" and not shown:
        return "agrees, but not with what: the column said is empty"
    if verdict == "disagree" and not corrected:
        return "disagrees without the corrected label"
    if verdict == "disagree" and set(corrected) == set(shown):
        return f"disagrees with {';'.join(shown)} and corrects it to the same"
    if verdict != "disagree" and corrected and set(corrected) != set(shown):
        return f"the verdict {verdict} has the label {';'.join(corrected)}: disagree has one"
    return None


def _words(cell: str | None) -> tuple[str, ...]:
    return tuple(text for part in (cell or "").split(";") if (text := said(part)))


def _moment(text: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{where}: labelled_at {text} is no ISO 8601 time") from None
    if moment.tzinfo is None:
        raise ConfigurationError(f"{where}: labelled_at {text} says no distance from UTC: add Z")
    return moment.astimezone(UTC)


def _recording(folder: Path, label: ClinicianLabel, database: str) -> Recording:
    sample_rate_hz, duration_s = header(folder / label.path)
    return Recording(
        path=label.path,
        labels=label.labels,
        subject=label.subject,
        database=database,
        sample_rate_hz=sample_rate_hz,
        duration_s=duration_s,
        site=label.site,
        age_group=label.age_group,
        sex=label.sex,
    )
