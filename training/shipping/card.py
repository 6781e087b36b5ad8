"""The card of an artifact that ships: what it is, learnt from, can and cannot do."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from models.contract import ModelContract
from training.datasets import catalogue
from training.engine import noise
from training.evaluation.markdown_table import count, number, table
from training.evaluation.operations import Operations
from training.export import Scale
from training.shipping import origin
from training.shipping.figures import Figures
from training.shipping.forms import LABEL_LOST, LIMIT_BYTES, TARGETS_MS, UAR_LOST, Comparison, Form
from training.shipping.trained import Trained

_MOST_SHOWN = 8
_WORDS = {
    "float": "floating point",
    "weights": "8-bit weights, multiplied out when loaded",
    "static": "8-bit weights and activations (QDQ)",
    "dynamic": "8-bit weights, activations rounded in each call",
}
_LIMITS = {
    "screen": (
        (
            "`auc` over all of physionet2016 flatters: who never listens and only knows the "
            "database gets `auc_of_database_name`. Read `auc_within_databases` and the rows of "
            "databases that were left out."
        ),
        (
            "Abnormal is a diagnosis in physionet2016, which may be silent, and an audible murmur "
            "in circor2022. It says that something may be abnormal, not what."
        ),
    ),
    "murmur": ("It says that a murmur may be audible, not where it comes from.",),
    "valve": (
        (
            "It learnt from 1000 short clips, most of them cut from a few recordings. Only figures "
            "with source groups kept apart say anything of new patients."
        ),
        "It knows four lesions and normal hearts. Another disease gets one of these names too.",
    ),
}
_ALWAYS = (
    (
        "On another sensor, age or ward than it learnt from it may be worth much less than here: "
        "measure it there before believing it."
    ),
)


class Told(NamedTuple):
    """What the card is made from.

    Attributes
    ----------
    folds
        Runs whose held-back recordings set the scale and judged the forms.
    differing
        Names of values in which the folds' recipe differs from the final one's.
    size_bytes, mobile_bytes
        Of the files that ship.
    agreement, mobile_difference
        Largest differences in probability: of PyTorch and the file, of the file and the mobile one.
    """

    contract: ModelContract
    artifact: str
    size_bytes: int
    mobile: str
    mobile_bytes: int
    operations: Operations
    finals: Sequence[Trained]
    folds: Sequence[Trained]
    differing: Sequence[str]
    scale: Scale
    compared: Comparison
    figures: Sequence[Figures]
    agreement: float
    mobile_difference: float


def written(told: Told) -> str:
    parts = [_head(told), _learnt(told), _measured(told), _calibrated(told)]
    return "\n".join([*parts, _forms(told), _limits(told)])


def forms_rows(compared: Comparison) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the forms side by side, for the card and the terminal."""
    batches = [each.batch for each in compared.forms[0].speeds]
    heads = ["form", "kB"]
    for batch in batches:
        heads += [f"ms, {batch}", "x float"]
    heads += ["UAR", "lost", "by a label", "relabelled", "differs", "gate"]
    return heads, [_form(each, ships=each is compared.chosen) for each in compared.forms]


def targets(told: Told) -> list[str]:
    """Whether what ships keeps what was aimed for, a sentence each."""
    small = told.size_bytes <= LIMIT_BYTES
    said = [_target(f"{told.size_bytes / 1e3:.0f} kB", f"{LIMIT_BYTES / 1e3:.0f} kB", small)]
    for speed in told.compared.chosen.speeds:
        if speed.batch in TARGETS_MS:
            most_ms = TARGETS_MS[speed.batch]
            said.append(
                _target(
                    f"{speed.window_ms:.3f} ms a window in batches of {speed.batch}",
                    f"{most_ms:g} ms",
                    speed.window_ms <= most_ms,
                )
            )
    return said


def _target(value: str, limit: str, met: bool) -> str:
    return f"{value}, aimed for {limit} at most: {'met' if met else 'NOT met'}"


def _form(form: Form, *, ships: bool) -> list[str]:
    cells = [f"**{form.name}**" if ships else form.name, f"{form.size_bytes / 1e3:.0f}"]
    for speed in form.speeds:
        cells += [f"{speed.window_ms:.3f}", f"{speed.times_float:.2f}"]
    return [
        *cells,
        number(form.uar),
        _points(form.uar_lost),
        _points(form.label_lost),
        f"{form.relabelled:.2%}",
        f"{form.largest_difference:.4f}",
        "passed" if form.passes else "failed",
    ]


def _points(share: float) -> str:
    return f"{100 * share:+.2f}"


def _head(told: Told) -> str:
    own = told.contract
    answer = "they add up to 1" if own.exclusive else "several may be high at once"
    rows = (
        ("task", f"{own.task}: {', '.join(own.labels)}"),
        (
            "input",
            (
                f"{own.window_s:g} s of heart sound every {own.hop_s:g} s at "
                f"{own.sample_rate_hz} Hz, "
                f"{own.filter}, {_scaled(own)}"
            ),
        ),
        ("output", f"probabilities; {answer}"),
        (
            "file",
            (
                f"`{told.artifact}`, {told.size_bytes / 1e3:.0f} kB, ONNX opset {own.opset}; "
                f"`{told.mobile}` for phones and gateways, "
                f"{told.mobile_bytes / 1e3:.0f} kB"
            ),
        ),
        (
            "net",
            f"{told.finals[0].recipe.architecture.name}"
            + (f", the mean of {len(told.finals)}" if len(told.finals) > 1 else "")
            + f": {count(told.operations.parameters)} parameters, "
            f"{told.operations.flops / 1e6:.1f} million operations a window",
        ),
        ("licence", own.licence),
    )
    lines = "\n".join(f"| {name} | {said} |" for name, said in rows)
    return f"# {own.name} {own.version}\n\n{own.intended_use}\n\n| | |\n|---|---|\n{lines}\n"


def _scaled(own: ModelContract) -> str:
    if own.scaling.kind == "none":
        return "not scaled"
    return f"each window scaled to {own.scaling.kind} {own.scaling.target:g}"


def _learnt(told: Told) -> str:
    first = told.finals[0]
    lines = [_set(name, sha256, first) for name, sha256 in origin.hashes(first).items()]
    counts = first.run.recordings
    begun = first.run.initial_weights
    return "\n".join(
        [
            "## Trained on\n",
            *lines,
            "",
            (
                f"{counts['train']} recordings were learnt from and {counts['validation']} "
                f"judged the training; `{told.contract.split}` says which. Every window carries "
                f"the label of its whole recording. Recipe `{first.recipe.name}`, "
                f"{'seeds' if len(told.finals) > 1 else 'seed'} "
                f"{', '.join(str(each.run.seed) for each in told.finals)}, code at commit "
                f"`{told.contract.git_commit}`."
            ),
            *(["", f"It began from other weights: {begun.splitlines()[0]}"] if begun else []),
            "",
        ]
    )


def _set(name: str, sha256: str, trained: Trained) -> str:
    learnt = len(trained.listed["train"].get(name, ()))
    if name == noise.NAME:
        said = "mixed in: a chest-worn microphone (MIT), households (CC BY 4.0)"
    else:
        source = origin.source_of(name)
        about = f"{source.citation}; {source.licence}" if source else "recordings of one's own"
        said = f"{learnt} recordings. {about}"
    return f"- {name}: {said}. SHA-256 of its manifest `{sha256}`."


def _measured(told: Told) -> str:
    if not told.figures:
        return (
            "## Measured\n\nNothing: no predictions lie beside the runs "
            "(`heartward train` writes them).\n"
        )
    about = (
        "On people that the nets were not trained on, by nets of the same recipe, from their saved "
        "predictions. A recording's probabilities are the mean of its usable windows'. Intervals "
        "are 95 %, from drawing whole subjects or source groups anew."
    )
    if len(told.finals) > 1:
        about += f" They are of single nets; the mean of {len(told.finals)} was not measured."
    return "\n".join(["## Measured\n", about, "", *map(_protocol, told.figures)])


def _protocol(each: Figures) -> str:
    found = each.found
    people = catalogue.people_of([each.run.data_set])
    rows = [
        (name, number(own.value), f"{number(own.low)} to {number(own.high)}")
        for name, own in found.metrics.items()
        if math.isfinite(own.value)
    ]
    rows.append(("ece", number(found.calibration.error), ""))
    labels = [
        (
            own.label,
            f"{own.recordings} of {own.subjects}",
            *map(number, (own.precision, own.recall, own.specificity, own.f1)),
            number(found.label_aucs[own.label]),
        )
        for own in found.per_class
    ]
    whose = f"recordings of {people}"
    heads = ("label", whose, "precision", "recall", "specificity", "F1", "AUC")
    trained_on = ", ".join(each.run.trained_on)
    return "\n".join(
        [
            f"### {each.title}\n",
            f"{found.recordings} recordings of {found.subjects} {people}"
            + (f"; trained on {trained_on}" if trained_on else "")
            + (f"; {len(found.folds)} trainings" if len(found.folds) > 1 else "")
            + f" (`{each.key}` in the file).\n",
            table(("measure of recordings", "value", "95 % interval"), rows),
            table(heads, labels),
            *([_databases(found.database_aucs)] if len(found.database_aucs) > 1 else []),
        ]
    )


def _databases(aucs: dict[str, float]) -> str:
    rows = [(name, number(auc)) for name, auc in aucs.items()]
    return table(("database", "AUC"), rows)


def _calibrated(told: Told) -> str:
    scale = told.scale
    moved = [
        f"{offset:+.3f} to {label}"
        for label, offset in zip(told.contract.labels, scale.offsets, strict=bool(scale.offsets))
        if offset
    ]
    added = f", then {' and '.join(moved)} is added" if moved else ""
    evenly = (
        ", with every label counting the same, however rare: so probabilities are those of a world "
        "in which labels are as common as each other"
        if moved
        else ""
    )
    return (
        "## Calibrated\n\n"
        f"Logits are divided by {scale.temperature:.3f}{added}, in the graph's last layer. It "
        "makes the log loss of recordings least that "
        f"{_whose(told)} judged {'their' if len(told.folds) > 1 else 'its'} training by and did "
        f"not learn from{evenly}. The figures above are from before it.\n"
    )


def _whose(told: Told) -> str:
    """Whose held-back recordings these are: the final net itself has none where it heard all."""
    if _own_part(told):
        return "this net"
    nets = "net" if len(told.folds) == 1 else "nets"
    said = f"{len(told.folds)} {nets} of the protocol's folds, trained by the same recipe,"
    if told.differing:
        shown = ", ".join(f"`{name}`" for name in told.differing[:_MOST_SHOWN])
        more = len(told.differing) - _MOST_SHOWN
        said = f"{said} but for {shown}{f' and {more} more' if more > 0 else ''},"
    return said


def _own_part(told: Told) -> bool:
    return [run.folder for run in told.folds] == [run.folder for run in told.finals]


def _forms(told: Told) -> str:
    compared = told.compared
    heads, rows = forms_rows(compared)
    words = "; ".join(f"{each.name}: {_WORDS[each.name]}" for each in compared.forms)
    held = (
        ""
        if _own_part(told)
        else (
            " This net learnt from all recordings and holds none back, so the nets that were "
            "judged are those of the folds; times and sizes are this net's own."
        )
    )
    return "\n".join(
        [
            "## Form\n",
            (
                f"{words}. The front end is in floating point in all. Answers were held against "
                f"float's on {compared.recordings} recordings of {compared.subjects} "
                f"{compared.people}, held back by {_whose(told)} after calibration on recordings "
                "that were trained on."
                f"{held} The gate: at most {100 * UAR_LOST:g} points of UAR lost, of no label "
                f"over {100 * LABEL_LOST:g}. Times are medians of calls in turns with float's, "
                "front end included, in one thread on one core; ms are of one window in calls of "
                "so many. Sizes and times are of the files as they would ship. UAR and what is "
                "lost of it are of recordings, in points; `differs` is the largest difference of "
                "any probability of any window.\n"
            ),
            table(heads, rows),
            (
                f"{compared.chosen.name} ships: of the forms that pass and are within "
                f"{LIMIT_BYTES / 1e3:.0f} kB the quickest, and the smallest of those as quick.\n"
            ),
            *(f"- {said}." for said in targets(told)),
            f"- PyTorch and the file in floating point differ by {told.agreement:.1e} at most.",
            f"- The mobile file and this one differ by {told.mobile_difference:.1e} at most.\n",
        ]
    )


def _limits(told: Told) -> str:
    own = told.contract
    lines = [*_LIMITS.get(own.task, ()), *_ALWAYS]
    if left_out := told.finals[0].recipe.data.without:
        lines.append(
            f"Recordings of {', '.join(left_out)} were left out of its training: expect it to call "
            "them normal."
        )
    if own.licence.startswith("research"):
        lines.append(f"Its licence: {own.licence}. Do not use it for anything else.")
    return "## Know before use\n\n" + "\n".join(f"- {line}" for line in lines) + "\n"
