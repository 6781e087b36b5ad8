"""Which models run: the manifest's defaults, and what ``pcg.models`` says about their tasks."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from models.contract import PIPELINE_FILTER, PIPELINE_GRID
from models.predictor import Predictor
from models.registry import Entry
from stream_processors.records import ModelChoice


class Models(Protocol):
    """What is needed of `models.registry.Registry`."""

    @property
    def entries(self) -> tuple[Entry, ...]: ...
    def load(self, name: str, version: str) -> Predictor: ...


class RunningModel(NamedTuple):
    predictor: Predictor
    shadow: bool

    def __str__(self) -> str:
        contract = self.predictor.contract
        return f"{contract.name} {contract.version}" + (" in shadow" if self.shadow else "")


def key_of(choice: ModelChoice) -> str:
    """Its key on the topic: a task has one choice of what runs, and one of what is tried beside."""
    return f"{choice.task}/shadow" if choice.role == "shadow" else choice.task


class RunningModels:
    """The latest choice of each key, as its compacted topic keeps them.

    ``active`` runs the chosen model instead of the task's default, ``shadow`` beside what runs,
    ``off`` runs none of the task.

    Parameters
    ----------
    heart
        Whether the default of task `segment` runs: it adds half to the cost of a window.

    Attributes
    ----------
    current
        What runs now. It is replaced as a whole, so another thread may read it.

    Raises
    ------
    ModelError
        If a default model cannot be loaded, or does not fit the pipeline.
    """

    def __init__(self, models: Models, *, heart: bool = False) -> None:
        self._models = models
        self._heart = heart
        self._choices: Mapping[str, ModelChoice] = {}
        self._loaded: dict[tuple[str, str], Predictor] = {}
        self.current = self._running(self._choices)

    def __str__(self) -> str:
        return ", ".join(str(model) for model in self.current) or "no models"

    def step(self, key: str, choice: ModelChoice | None) -> None:
        """Follow a choice by its key on the topic (`key_of`), None takes it back.

        Raises
        ------
        ModelError
            If a model cannot be loaded or does not fit; then all stays as it was.
        """
        choices = {name: kept for name, kept in self._choices.items() if name != key}
        if choice is not None:
            choices[key] = choice
        self.current = self._running(choices)
        self._choices = choices
        running = {id(model.predictor) for model in self.current}
        self._loaded = {name: p for name, p in self._loaded.items() if id(p) in running}

    def _running(self, choices: Mapping[str, ModelChoice]) -> tuple[RunningModel, ...]:
        decided = {choice.task for choice in choices.values() if choice.role != "shadow"}
        active = [
            self._load(entry.name, entry.version)
            for entry in self._models.entries
            if entry.default
            and entry.task not in decided
            and (self._heart or entry.task != "segment")
        ]
        chosen = [
            RunningModel(self._load(choice.model, choice.version), choice.role == "shadow")
            for choice in choices.values()
            if choice.role != "off"
        ]
        return (*(RunningModel(predictor, shadow=False) for predictor in active), *chosen)

    def _load(self, name: str, version: str) -> Predictor:
        if (name, version) not in self._loaded:
            predictor = self._models.load(name, version)
            predictor.contract.require_fit(PIPELINE_GRID, PIPELINE_FILTER)
            self._loaded[name, version] = predictor
        return self._loaded[name, version]
