"""Everything trained that lies in a folder of results, as rows of a comparison."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from models.errors import ConfigurationError
from training import splits
from training.evaluation import predictions as files
from training.evaluation.cost import Cost
from training.evaluation.hearing import ALL
from training.evaluation.intervals import DRAWS
from training.evaluation.literature import Result, literature
from training.evaluation.predictions import Predictions, Run
from training.evaluation.summary import Evaluation, evaluate
from training.splits import LEAK

COST_SUFFIX = ".cost.json"
NOT_RUN = "not-run.toml"
_NO_REASON = "no predictions of it in this folder"


class Row(NamedTuple):
    """One model by one protocol."""

    run: Run
    tests: tuple[Predictions, ...]
    found: Evaluation

    @property
    def name(self) -> str:
        return f"{self.run.model} {self.run.version}"


class Missing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was not run, and why; an empty field stands for any."""

    why: str
    architecture: str = ""
    front_end: str = ""
    protocol: str = ""

    def is_about(self, architecture: str, front_end: str, protocol: str) -> bool:
        told = (self.architecture, self.front_end, self.protocol)
        asked = (architecture, front_end, protocol)
        return all(own in ("", other) for own, other in zip(told, asked, strict=True))


class _NotRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    not_run: tuple[Missing, ...] = ()


Key = tuple[str, str, str, str, tuple[str, ...]]


def grouped(folder: Path) -> dict[Key, list[Predictions]]:
    """Folds and seeds of one model, protocol and training data together.

    Raises
    ------
    ConfigurationError
        If the folder holds no predictions, or one test twice.
    """
    found: dict[Key, list[Predictions]] = defaultdict(list)
    seen: dict[tuple[object, ...], Path] = {}
    for path in files.find(folder):
        each = files.read(path)
        run = each.run
        key = (run.data_set, run.protocol, run.model, run.version, run.trained_on)
        once = (key, run.seed, run.fold, run.part)
        if once in seen:
            raise ConfigurationError(f"{path} and {seen[once]} are the same test: keep one")
        seen[once] = path
        found[key].append(each)
    if not found:
        raise ConfigurationError(
            f"{folder} holds no *{files.SUFFIX}: heartward train and heartward evaluate write them"
        )
    return dict(found)


def rows(folder: Path, *, draws: int = DRAWS) -> Iterator[Row]:
    """Evaluate every group, one after the other."""
    for own in grouped(folder).values():
        tests = tuple(each for each in own if each.run.part == "test")
        if tests:
            yield Row(run=tests[0].run, tests=tests, found=evaluate(own, draws=draws))


def costs(folder: Path) -> list[Cost]:
    """Every measured cost, the smallest file first."""
    found = [_cost(path) for path in sorted(folder.rglob(f"*{COST_SUFFIX}"))]
    return sorted(found, key=lambda cost: cost.size_bytes)


def write_cost(cost: Cost, folder: Path) -> Path:
    path = folder / f"{cost.model}-{cost.version}{COST_SUFFIX}"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(cost)) + b"\n")
    return path


def missing(found: Sequence[Row], reasons: Sequence[Missing]) -> list[tuple[Result, str, str]]:
    """The literature's rows that were not run: by which protocol, and why.

    Each is wanted by the protocol of its work and by the honest one of its data set.
    """
    have = {(row.run.architecture, row.run.front_end, row.run.protocol) for row in found}
    gaps = []
    for result in literature().result:
        for protocol in (f"{result.data_set}-5-fold", result.protocol):
            asked = (result.architecture, result.front_end, protocol)
            if asked not in have:
                why = next((each.why for each in reasons if each.is_about(*asked)), _NO_REASON)
                gaps.append((result, protocol, why))
    return gaps


def title_of(run: Run) -> str:
    """What was tested how, and in capitals whether it leaks."""
    known = {protocol.name: protocol for protocol in splits.PROTOCOLS}
    if run.protocol in known and known[run.protocol].data_set == run.data_set:
        said = known[run.protocol].title
        return said if known[run.protocol].leaks or not run.leaks else f"{said} ({LEAK})"
    if run.protocol == ALL:
        words = "" if len(run.labels) == 2 else f" that is {', '.join(run.labels)}"
        said = f"{run.data_set}, all of it{words}"
        return f"{said} ({LEAK})" if run.leaks else f"{said}, nothing of it trained on"
    return f"{run.data_set}, {run.protocol}" + (f" ({LEAK})" if run.leaks else "")


def reasons_in(folder: Path) -> tuple[Missing, ...]:
    """What the folder's own table says of what was not run."""
    path = folder / NOT_RUN
    if not path.exists():
        return ()
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_NotRun).not_run
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"{path} cannot be understood: {error}") from None


def _cost(path: Path) -> Cost:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Cost)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path} holds no measured cost: {error}") from None
