"""Matplotlib is an extra; where everything must be there, its tests are collected, and fail."""

import os
from importlib.util import find_spec

collect_ignore = (
    []
    if os.environ.get("HEARTWARD_TEST_REQUIRE_ALL") or find_spec("matplotlib")
    else ["test_album.py", "test_recording.py"]
)
