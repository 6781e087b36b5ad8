"""Torch and Matplotlib are an extra: without them their tests are left out, and said to be.

Where everything must be there, as in CI, they are collected all the same, and fail.
"""

import os
from importlib.util import find_spec

_NEED = {
    "torch": ["test_augment.py", "test_export.py", "test_logmel_cnn.py", "test_train.py"],
    "matplotlib": ["test_pictures.py"],
}
_MISSING = [name for name in _NEED if find_spec(name) is None]

collect_ignore = (
    []
    if os.environ.get("HEARTWARD_TEST_REQUIRE_ALL")
    else [test for name in _MISSING for test in _NEED[name]]
)


def pytest_report_header() -> list[str]:
    if not collect_ignore:
        return []
    missing, tests = " and ".join(_MISSING), ", ".join(collect_ignore)
    return [f"left out without {missing} (pip install 'heartward[training]'): {tests}"]
