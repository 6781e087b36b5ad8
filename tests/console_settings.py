"""The console's settings in tests: a folder that goes away, a database in memory.

``HEARTWARD_TEST_DATABASE_URL`` names a PostgreSQL to run on instead.
"""

# ruff: noqa: E402, F403 (the folder must be named before the settings are read)

import atexit
import os
import shutil
import tempfile

_FOLDER = tempfile.mkdtemp(prefix="heartward-console-test-")
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
os.environ["HEARTWARD_CONSOLE_FOLDER"] = _FOLDER
if _database_url := os.environ.get("HEARTWARD_TEST_DATABASE_URL"):
    os.environ["HEARTWARD_CONSOLE_DATABASE_URL"] = _database_url

from dashboards.console.settings import *

if not os.environ.get("HEARTWARD_TEST_DATABASE_URL"):
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
