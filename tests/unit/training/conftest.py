"""Torch is an extra of its own and large: without it these tests are left out, and said to be.

Where everything must be there, as in CI, they are collected all the same, and fail.
"""

import os
from importlib.util import find_spec

_NEED_TORCH = ["test_augment.py", "test_export.py", "test_logmel_cnn.py", "test_train.py"]
_HAVE_TORCH = find_spec("torch") is not None

collect_ignore = [] if _HAVE_TORCH or os.environ.get("HEARTWARD_TEST_REQUIRE_ALL") else _NEED_TORCH


def pytest_report_header() -> list[str]:
    if not collect_ignore:
        return []
    return [f"left out without torch (pip install 'heartward[training]'): {', '.join(_NEED_TORCH)}"]
