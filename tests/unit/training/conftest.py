"""Torch and Matplotlib are an extra: without them their tests are left out, and said to be.

Where everything must be there, as in CI, they are collected all the same, and fail.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

_NEED = {
    "torch": [
        "test_architectures.py",
        "test_architectures_onnx.py",
        "test_augment.py",
        "test_augmentation.py",
        "test_clips.py",
        "test_cycle_net.py",
        "test_export.py",
        "test_front_ends.py",
        "test_initial_weights.py",
        "test_logmel_cnn.py",
        "test_loop.py",
        "test_optimisation.py",
        "test_published_names.py",
        "test_quantize.py",
        "test_recipe_names.py",
        "test_recipes.py",
        "test_samplers.py",
        "test_state_task.py",
        "test_train_command.py",
        "test_train_from_others.py",
        "test_train_search.py",
        "retraining/test_retrain.py",
        "evaluation/test_literature.py",
        "evaluation/test_operations_of_nets.py",
        "shipping/test_card.py",
        "shipping/test_commands.py",
        "shipping/test_forms.py",
        "shipping/test_mobile.py",
        "shipping/test_untrained.py",
    ],
    "matplotlib": [
        "test_loop.py",
        "test_pictures.py",
        "test_train_command.py",
        "test_train_from_others.py",
        "test_train_search.py",
        "evaluation/test_commands.py",
        "evaluation/test_figures.py",
        "shipping/test_card.py",
        "shipping/test_commands.py",
    ],
    "optuna": [
        "shipping/test_commands.py",
        "test_train_command.py",
        "test_train_from_others.py",
        "test_train_search.py",
    ],
    "pywt": [
        "test_augmentation.py",
        "test_cleaning.py",
        "test_clips.py",
        "test_loop.py",
        "test_optimisation.py",
        "test_samplers.py",
        "test_train_command.py",
        "test_train_from_others.py",
        "test_train_search.py",
        "shipping/test_card.py",
        "shipping/test_commands.py",
        "shipping/test_forms.py",
    ],
}
_MISSING = [name for name in _NEED if find_spec(name) is None]

collect_ignore = (
    []
    if os.environ.get("HEARTWARD_TEST_REQUIRE_ALL")
    else sorted({test for name in _MISSING for test in _NEED[name]})
)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small nets gain nothing from more, and sums are the same every time."""
    if "torch" not in _MISSING:
        import_module("torch").set_num_threads(1)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with recordings and a recipe in it."""
    monkeypatch.chdir(tmp_path)
    import_module("tests.unit.training.trained_tones").lay_out(tmp_path)
    return tmp_path


def pytest_report_header() -> list[str]:
    if not collect_ignore:
        return []
    missing, tests = " and ".join(_MISSING), ", ".join(collect_ignore)
    return [f"left out without {missing} (pip install 'heartward[training]'): {tests}"]
