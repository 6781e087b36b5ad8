"""Torch is an extra of its own and large: without it these tests are left out, and said to be.

Where everything must be there, as in CI, they are collected all the same, and fail.
"""

import os
from importlib import import_module
from importlib.util import find_spec

import pytest

_NEED_TORCH = [
    "test_architectures.py",
    "test_architectures_onnx.py",
    "test_augment.py",
    "test_cleaning.py",
    "test_export.py",
    "test_front_ends.py",
    "test_initial_weights.py",
    "test_logmel_cnn.py",
    "test_published_names.py",
    "test_train.py",
]
_HAVE_TORCH = find_spec("torch") is not None

collect_ignore = [] if _HAVE_TORCH or os.environ.get("HEARTWARD_TEST_REQUIRE_ALL") else _NEED_TORCH


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small nets gain nothing from more, and sums are the same every time."""
    if _HAVE_TORCH:
        import_module("torch").set_num_threads(1)


def pytest_report_header() -> list[str]:
    if not collect_ignore:
        return []
    return [f"left out without torch (pip install 'heartward[training]'): {', '.join(_NEED_TORCH)}"]
