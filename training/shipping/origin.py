"""What an artifact says of where it comes from: its contract, licence and intended use."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from models.contract import Distribution, Metric, ModelContract
from models.errors import ConfigurationError
from training import splits
from training.datasets import catalogue, manifest
from training.datasets.recordings import data_folder, rows
from training.datasets.sources import Source
from training.engine import noise, promised, runs
from training.shipping.trained import Trained, load

LICENCE = "Apache-2.0"

_UNSTATED = "none is stated"
_TASKS = {
    frozenset({"normal", "abnormal"}): "screen",
    frozenset({"AS", "MR", "MS", "MVP", "N"}): "valve",
    frozenset({"normal", "murmur"}): "murmur",
}
_USES = {
    "screen": (
        "Research and evaluation: flags windows of heart sound that may be abnormal. "
        "Not a medical device."
    ),
    "murmur": (
        "Research and evaluation: flags windows of heart sound in which a murmur may be audible. "
        "Not a medical device."
    ),
    "valve": (
        "Research only: names the likeliest of four lesions of the heart's valves, or none. "
        "Not a medical device."
    ),
}
_OTHER_USE = "Research and evaluation. Not a medical device."


class Names(NamedTuple):
    """How the artifact is called."""

    name: str
    version: str
    task: str
    intended_use: str


def task_of(labels: Sequence[str]) -> str | None:
    """The task that these labels are known for."""
    return _TASKS.get(frozenset(labels))


def use_of(task: str) -> str:
    return _USES.get(task, _OTHER_USE)


def contract(
    finals: Sequence[Trained],
    names: Names,
    *,
    metrics: dict[str, Metric] | None = None,
    reference: dict[str, Distribution] | None = None,
) -> ModelContract:
    """Everything but the graph, from the run itself."""
    first = finals[0]
    data = hashes(first)
    split, split_sha256 = _split(first, names)
    return msgspec.structs.replace(
        promised.of_recipe(first.recipe),
        name=names.name,
        version=names.version,
        task=names.task,
        training_data=", ".join(data),
        training_data_sha256=", ".join(data.values()),
        split=split,
        split_sha256=split_sha256,
        git_commit=first.run.git_commit or "unknown",
        metrics=metrics or {},
        reference=reference or {},
        intended_use=names.intended_use,
        licence=licence(first),
    )


def hashes(trained: Trained) -> dict[str, str]:
    """By data set that was heard: of its manifest, or of its table of labels where it has none."""
    return {**trained.run.label_tables, **trained.run.manifests}


def licence(trained: Trained) -> str:
    """Of the artifact, by what it learnt from."""
    words = {name: _licence_of(name) for name in hashes(trained)}
    unstated = [name for name, said in words.items() if said.startswith(_UNSTATED)]
    if unstated:
        return (
            f"research use only: trained on {', '.join(unstated)}, for which no licence is stated"
        )
    return f"{LICENCE}; trained on data under {' and '.join(dict.fromkeys(words.values()))}"


def source_of(name: str) -> Source | None:
    """Where a data set is published; None of a person's own."""
    known = catalogue.CATALOGUE.get(name)
    return known.source if known else None


def require_permitted(trained: Trained) -> None:
    """Raise `ConfigurationError` unless it, and who taught it, learnt from permitted files alone.

    Those are what shipped models may use.
    """
    learnt = [*trained.listed["train"].items(), *trained.listed["validation"].items()]
    for name, paths in learnt:
        known = manifest.read(name) if name in manifest.names() else []
        permitted = {each.path for each in known}
        strange = [path for path in paths if path not in permitted]
        if strange:
            raise ConfigurationError(
                f"{trained.folder} learnt from {strange[0]} of {name}, which is not among the "
                "files that shipped models may learn from (training/manifests): name another "
                "folder with --to"
            )
    for folder in runs.teachers(trained.recipe, trained.run.fold):
        require_permitted(load(folder))


def split_file(names: Names) -> str:
    """The run's own list of who was in which part, where no committed split says it."""
    return f"{names.name}-{names.version}-split.csv"


def has_own_split(trained: Trained) -> bool:
    told = trained.recipe.data
    return bool(told.whole) or set(told.protocols) != trained.run.split_files.keys()


def _split(trained: Trained, called: Names) -> tuple[str, str]:
    if has_own_split(trained):
        return split_file(called), trained.run.files["split.csv"]
    protocols = trained.recipe.data.protocols
    files = ", ".join(splits.path_of(name).name for name in protocols)
    return files, ", ".join(trained.run.split_files[name] for name in protocols)


def _licence_of(name: str) -> str:
    if name == noise.NAME:
        return " and ".join(sorted({row["licence"] for row in rows(data_folder(name))}))
    source = source_of(name)
    if source is None:
        return f"the licence of {name}"
    return source.licence.partition(":")[0]
