"""What one training is told: the fields of a recipe, and what they may be.

`training.engine.recipe_files` reads them from TOML.
"""

import hashlib
import re
from typing import Any, Literal

import msgspec

from models.contract import SAMPLE_RATES_HZ, FilterSpec, Scaling
from models.errors import ConfigurationError
from training.architectures import registry
from training.architectures.registry import Classifier
from training.engine.augmentation import Augmentation
from training.engine.recipe_table import RecipeTable
from training.front_end_config import FrontEndConfig


class Data(RecipeTable, frozen=True, kw_only=True):
    """What is trained on.

    Attributes
    ----------
    protocols
        Of `training.splits`, trained on together: fold 2 is fold 2 of each.
    whole
        Data sets, or folders of recordings, that nothing is tested on: all of each is trained on.
    labels
        In the order of the net's answers.
    rename
        A data set's own label to the recipe's, or to several with ``|`` between: one of them
        holds, and nobody knows which. Such recordings are trained on, and judge nothing.
    diagnosed
        Whether a recording's diagnosis counts as its label where the recipe knows it.
    without
        Labels and diagnoses whose recordings are left out.
    exclusive
        True: one label a recording (softmax). False: several may concur (a sigmoid each).
    validation_share
        Of the training's subjects, where the protocol has no validation of its own.
    middle_s
        By data set: only the middle so long of each recording is used. Where a set's labels were
        cut in different ways, the edges give the label away.
    clean
        Before anything else; what was trained so must be given recordings without.
    """

    protocols: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    labels: tuple[str, ...]
    rename: dict[str, str] = msgspec.field(default_factory=dict)
    diagnosed: bool = False
    without: tuple[str, ...] = ()
    exclusive: bool = True
    validation_share: float = 0.15
    middle_s: dict[str, float] = msgspec.field(default_factory=dict)
    clean: tuple[Literal["silence", "wavelets"], ...] = ()

    def __post_init__(self) -> None:
        self._require(bool(self.protocols or self.whole), "data.protocols and data.whole are empty")
        self._require(all(self.labels) and bool(self.labels), "data.labels is empty, or one of it")
        self._require(
            len(set(self.labels)) == len(self.labels), f"data.labels {self.labels} repeat one"
        )
        self._require(
            0 < self.validation_share < 1,
            f"data.validation_share = {self.validation_share:g}: give a share within 0 and 1",
        )
        for name, length_s in self.middle_s.items():
            self._require(length_s > 0, f"data.middle_s.{name} = {length_s:g}: give more than 0")


class Bandpass(RecipeTable, frozen=True, kw_only=True):
    low_hz: float = 25.0
    high_hz: float = 400.0
    order: int = 5


class Level(RecipeTable, frozen=True, kw_only=True):
    """How each window is scaled, as `models.contract.Scaling`."""

    kind: Literal["rms", "peak", "none"] = "rms"
    target: float = 1.0
    clip: float = 10.0

    def __post_init__(self) -> None:
        self._require_positive("contract.scaling", "target", "clip")


class Hearing(RecipeTable, frozen=True, kw_only=True):
    """The artifact's contract: what sound the net is given.

    Attributes
    ----------
    excerpt
        Which windows are trained on: all of the grid, as many at any moment (`random`), the
        first, or the middle one.
    judged
        Which windows a recording's score is the mean of.
    """

    sample_rate_hz: int = 2000
    window_s: float = 5.0
    hop_s: float = 2.5
    filter: Literal["none"] | Bandpass = msgspec.field(default_factory=Bandpass)
    scaling: Level = msgspec.field(default_factory=Level)
    excerpt: Literal["grid", "random", "first", "middle"] = "random"
    judged: Literal["grid", "first", "middle"] = "grid"

    def __post_init__(self) -> None:
        self._require(
            0 < self.sample_rate_hz <= max(SAMPLE_RATES_HZ),
            f"contract.sample_rate_hz = {self.sample_rate_hz}: give 1 to {max(SAMPLE_RATES_HZ)}",
        )
        for name in ("window_s", "hop_s"):
            samples = getattr(self, name) * self.sample_rate_hz
            self._require(
                samples >= 1 and abs(samples - round(samples)) < 1e-6,
                f"contract.{name} is no whole number of samples at {self.sample_rate_hz} Hz",
            )
        fault = self.filter_spec.fault(self.sample_rate_hz)
        self._require(fault is None, f"contract.filter: {fault}")

    @property
    def window_samples(self) -> int:
        return round(self.window_s * self.sample_rate_hz)

    @property
    def hop_samples(self) -> int:
        return round(self.hop_s * self.sample_rate_hz)

    @property
    def filter_spec(self) -> FilterSpec:
        if self.filter == "none":
            return FilterSpec(kind="none")
        return FilterSpec(kind="bandpass", **msgspec.structs.asdict(self.filter))

    @property
    def scaling_spec(self) -> Scaling:
        return Scaling(**msgspec.structs.asdict(self.scaling))


class Architecture(RecipeTable, frozen=True, kw_only=True):
    """A name of `training.architectures.registry`, and its own options."""

    name: str
    options: dict[str, Any] = msgspec.field(default_factory=dict)


class Sampling(RecipeTable, frozen=True, kw_only=True):
    """How often each recording is heard.

    Attributes
    ----------
    kind
        `natural`: every window once an epoch. Others draw with replacement; recordings of one
        label weigh the same, however long. `classes`: labels weigh the same. `databases`: labels
        weigh the same within each database, and databases as the root of their windows.
        `groups`: labels weigh the same, and within them subjects or source groups. `sets`: data
        sets weigh the same, and within each as `groups`.
    windows_per_epoch
        0: as many as there are.
    """

    kind: Literal["natural", "classes", "databases", "groups", "sets"] = "natural"
    windows_per_epoch: int = 0

    def __post_init__(self) -> None:
        self._require_at_least(0, "sampling", "windows_per_epoch")


class Optimiser(RecipeTable, frozen=True, kw_only=True):
    """`clip_norm` limits the gradient's length; 0 does not."""

    kind: Literal["adam", "adamw", "rmsprop"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.0
    clip_norm: float = 0.0

    def __post_init__(self) -> None:
        self._require_positive("optimiser", "learning_rate")
        self._require_at_least(0, "optimiser", "weight_decay", "clip_norm")
        self._require_below_1("optimiser", "momentum")


class Schedule(RecipeTable, frozen=True, kw_only=True):
    """The learning rate over all steps.

    Attributes
    ----------
    kind
        `cosine` falls to 0. `one-cycle` rises over `warm_up` from a 25th, then falls to 0 as a
        cosine. `step` is multiplied by `factor` every `every_epochs`.
    warm_up
        Share of the steps over which the rate rises from 0, but in `one-cycle`.
    """

    kind: Literal["constant", "cosine", "one-cycle", "step"] = "constant"
    warm_up: float = 0.0
    every_epochs: int = 10
    factor: float = 0.1

    def __post_init__(self) -> None:
        self._require_below_1("schedule", "warm_up")
        self._require_at_least(1, "schedule", "every_epochs")
        self._require_positive("schedule", "factor")


class Training(RecipeTable, frozen=True, kw_only=True):
    """How long, and what is kept.

    Attributes
    ----------
    patience
        Epochs without a better `monitor` before it ends; 0: never ends early.
    keep
        The weights of the best epoch by `monitor` on the validation part, or the last.
    ema
        Decay of a running mean of the weights, which is then what is judged and kept; 0: none.
    mixed_precision
        On CUDA only.
    """

    epochs: int = 20
    batch: int = 64
    seed: int = 1
    patience: int = 0
    monitor: Literal["loss", "accuracy", "uar", "auc"] = "loss"
    keep: Literal["best", "last"] = "best"
    label_smoothing: float = 0.0
    ema: float = 0.0
    mixed_precision: bool = False

    def __post_init__(self) -> None:
        self._require_at_least(1, "training", "epochs", "batch")
        self._require_at_least(0, "training", "seed", "patience")
        self._require_below_1("training", "label_smoothing", "ema")


class Distillation(RecipeTable, frozen=True, kw_only=True):
    """Learn the mean answer of trained nets, too.

    Attributes
    ----------
    teachers
        Their output folders; ``{fold}`` stands for this fold's number, so that no teacher has
        heard what the pupil is tested on.
    weight
        Of the teachers' answers in the loss; the labels have the rest.
    """

    teachers: tuple[str, ...]
    temperature: float = 2.0
    weight: float = 0.5

    def __post_init__(self) -> None:
        self._require(bool(self.teachers), "distillation.teachers is empty")
        self._require_positive("distillation", "temperature")
        self._require_share("distillation", "weight")


class StateTask(RecipeTable, frozen=True, kw_only=True):
    """Beside its labels, learn which of the heart's states is heard when.

    Attributes
    ----------
    segmenter
        Name and version of the artifact that tells the states.
    weight
        Of this task's loss, beside 1 for that of the labels.
    block
        Which block of the net's body answers, from 0: one that is coarse enough to know the heart's
        cycle, and fine enough to tell its sounds apart. A net that tells the states itself
        (`cycle_net`) is not asked.
    """

    segmenter: str
    weight: float = 0.5
    block: int = 4

    def __post_init__(self) -> None:
        self._require_positive("states", "weight")
        self._require_at_least(0, "states", "block")


class Pruning(RecipeTable, frozen=True, kw_only=True):
    """After training, zero the smallest `share` of all weights and train on for some epochs.

    The file compresses better; it runs no faster, for kernels multiply by zero too.
    """

    share: float
    epochs: int = 5
    learning_rate: float = 1e-4

    def __post_init__(self) -> None:
        self._require_below_1("pruning", "share")
        self._require_at_least(1, "pruning", "epochs")
        self._require_positive("pruning", "learning_rate")


class Quantisation(RecipeTable, frozen=True, kw_only=True):
    """In the end, train on for some epochs with weights rounded to 8 bits, and keep those."""

    epochs: int = 3
    learning_rate: float = 1e-4

    def __post_init__(self) -> None:
        self._require_at_least(1, "quantisation", "epochs")
        self._require_positive("quantisation", "learning_rate")


class Range(RecipeTable, frozen=True, kw_only=True):
    """What a search may try: from `low` to `high` (whole numbers stay whole), or one of `among`."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    among: tuple[bool | int | float | str, ...] = ()

    def __post_init__(self) -> None:
        a_range = self.low is not None and self.high is not None and self.low < self.high
        self._require(
            a_range != bool(self.among), "search gives neither low and high that rise, nor among"
        )
        self._require(
            not self.log or self.low is None or self.low > 0,
            f"search has a range from {self.low} that is drawn by its logarithm: give more than 0",
        )


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the comparison.

    Attributes
    ----------
    work
        Of LITERATURE, or `ours`.
    init
        Published weights that the work began from, as a person may name them with ``--init``;
        said in the report, never fetched.
    """

    name: str
    about: str
    work: Literal["A", "B", "C", "D", "E", "ours"]
    init: str = ""
    data: Data
    contract: Hearing = msgspec.field(default_factory=Hearing)
    front_end: FrontEndConfig
    architecture: Architecture
    sampling: Sampling = msgspec.field(default_factory=Sampling)
    augmentation: Augmentation = msgspec.field(default_factory=Augmentation)
    optimiser: Optimiser = msgspec.field(default_factory=Optimiser)
    schedule: Schedule = msgspec.field(default_factory=Schedule)
    training: Training = msgspec.field(default_factory=Training)
    distillation: Distillation | None = None
    states: StateTask | None = None
    pruning: Pruning | None = None
    quantisation: Quantisation | None = None
    search: dict[str, Range] = {}

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w.-]*", self.name):
            raise ConfigurationError(
                f"the recipe's name = {self.name!r}: it names folders and files, so give letters, "
                "digits, - and _"
            )
        if self.front_end.sample_rate_hz != self.contract.sample_rate_hz:
            raise ConfigurationError(
                f"the recipe's front_end.sample_rate_hz = {self.front_end.sample_rate_hz} and "
                f"contract.sample_rate_hz = {self.contract.sample_rate_hz} differ: give one rate"
            )

    def build(self) -> Classifier:
        """The untrained net."""
        return registry.build(
            self.architecture.name,
            len(self.data.labels),
            self.front_end,
            window_samples=self.contract.window_samples,
            **self.architecture.options,
        )

    def version(self) -> str:
        """Eight hex digits that all folds, protocols and seeds of one recipe share."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        del fields["training"]["seed"], fields["data"]["protocols"], fields["data"]["whole"]
        for name in ("about", "search"):
            del fields[name]
        if self.states is None:  # came later: recipes without are what they were
            del fields["states"]
        return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()[:8]

    def sha256(self) -> str:
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()
