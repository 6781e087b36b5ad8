from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from models.contract import (
    PIPELINE_FILTER,
    FilterSpec,
    ModelContract,
    Scaling,
)
from models.errors import ModelError
from models.predictor import Answer, Predictor
from models.registry import Entry, Registry
from stream_processors.records import ModelChoice
from stream_processors.running_models import RunningModels
from tests.unit.models import tiny


class FakePredictor:
    def __init__(self, entry: Entry, filtered: FilterSpec = PIPELINE_FILTER) -> None:
        self.contract = ModelContract(
            name=entry.name,
            version=entry.version,
            task=entry.task,
            labels=("normal", "abnormal"),
            exclusive=True,
            sample_rate_hz=2000,
            window_s=5.0,
            hop_s=2.5,
            filter=filtered,
            scaling=Scaling(kind="rms"),
            opset=18,
            training_data="none",
            training_data_sha256="",
            split="none",
            split_sha256="",
            git_commit="",
            metrics={},
            reference={},
            intended_use="tests",
            licence="none",
        )

    def predict(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return self.answer(windows).probabilities

    def answer(self, windows: npt.NDArray[np.float32]) -> Answer:
        return Answer(np.zeros((len(windows), 2), np.float32), None)


class FakeModels:
    """One default model a task, and the version 2.0 of each beside it."""

    def __init__(self) -> None:
        self.entries = tuple(
            Entry(
                name=task,
                version=version,
                task=task,
                file="",
                sha256="",
                card="",
                default=version == "1.0",
            )
            for task in ("screen", "valve")
            for version in ("1.0", "2.0", "odd")
        )
        self.loads = 0

    def load(self, name: str, version: str) -> Predictor:
        self.loads += 1
        for entry in self.entries:
            if (entry.name, entry.version) == (name, version):
                odd = FilterSpec(kind="none")
                return FakePredictor(entry, odd if version == "odd" else PIPELINE_FILTER)
        raise ModelError(f"model {name} {version} is not known")


def choice(role: str, version: str = "2.0", task: str = "screen") -> ModelChoice:
    return ModelChoice(task=task, model=task, version=version, role=role)  # type: ignore[arg-type]


@pytest.fixture
def models() -> RunningModels:
    return RunningModels(FakeModels())


def test_the_manifests_defaults_run_where_nobody_chose(models: RunningModels) -> None:
    assert str(models) == "screen 1.0, valve 1.0"


def test_the_rhythm_is_told_only_where_that_is_asked_for() -> None:
    without, told = (RunningModels(Registry(), heart=heart) for heart in (False, True))
    assert "segment" not in str(without)
    assert "segment" in str(told)


def test_an_active_choice_runs_instead_of_the_default(models: RunningModels) -> None:
    models.step("screen", choice("active"))
    assert str(models) == "valve 1.0, screen 2.0"


def test_a_shadow_runs_beside_the_default_and_is_marked(models: RunningModels) -> None:
    models.step("screen", choice("shadow"))
    assert str(models) == "screen 1.0, valve 1.0, screen 2.0 in shadow"


def test_a_shadow_runs_beside_a_model_that_was_chosen(models: RunningModels) -> None:
    models.step("screen", choice("active", "2.0"))
    models.step("screen/shadow", choice("shadow", "1.0"))
    assert str(models) == "valve 1.0, screen 2.0, screen 1.0 in shadow"
    models.step("screen/shadow", None)
    assert str(models) == "valve 1.0, screen 2.0"


def test_off_runs_no_model_of_the_task(models: RunningModels) -> None:
    models.step("screen", choice("off"))
    assert str(models) == "valve 1.0"
    models.step("valve", choice("off", task="valve"))
    assert str(models) == "no models"


def test_a_choice_taken_back_brings_the_default_back(models: RunningModels) -> None:
    models.step("screen", choice("active"))
    models.step("screen", None)
    assert str(models) == "screen 1.0, valve 1.0"


@pytest.mark.parametrize("version", ["3.0", "odd"])
def test_a_choice_that_cannot_run_changes_nothing(models: RunningModels, version: str) -> None:
    models.step("screen", choice("active"))
    with pytest.raises(ModelError):
        models.step("screen", choice("active", version))
    assert str(models) == "valve 1.0, screen 2.0"
    models.step("valve", choice("off", task="valve"))
    assert str(models) == "screen 2.0"


def test_what_runs_already_is_not_loaded_again() -> None:
    source = FakeModels()
    models = RunningModels(source)
    models.step("screen", choice("shadow"))
    kept = models.current[1].predictor
    models.step("screen", choice("active"))

    assert models.current[0].predictor is kept
    assert source.loads == 3


def test_a_model_of_another_grid_is_refused_in_one_sentence_that_says_where_it_runs(
    tmp_path: Path,
) -> None:
    contract = msgspec.structs.replace(
        tiny.CONTRACT, name="short", sample_rate_hz=1000, window_s=2.0, hop_s=1.0
    )
    tiny.put_into(tmp_path, contract, default=True)
    with pytest.raises(ModelError) as refused:
        RunningModels(Registry(tmp_path))
    assert str(refused.value) == (
        "model short 1.0.0 wants 2 s every 1 s at 1000 Hz with band-pass 25-400 Hz of order 5, "
        "the pipeline gives 5 s every 2.5 s at 2000 Hz with band-pass 25-400 Hz of order 5: "
        "run it on files with `heartward classify --model short-1.0.0`, "
        "or train it for the pipeline's grid"
    )
