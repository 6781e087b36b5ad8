"""What the console loads when it starts."""

import subprocess
import sys

_START = """
import sys
import dashboards.console.asgi
from django.urls import get_resolver
get_resolver().url_patterns
print(*sorted({"onnxruntime", "scipy.signal", "pandas", "wfdb"} & set(sys.modules)))
"""


def test_pages_are_up_before_any_model_is_loaded() -> None:
    loaded = subprocess.check_output([sys.executable, "-c", _START], text=True)
    assert loaded.strip() == ""
