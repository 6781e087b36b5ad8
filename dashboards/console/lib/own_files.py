"""Which files of the storage are this database's own."""

from datetime import datetime

from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Min


def database_began() -> datetime:
    """When the first table of this database was made; kept when it is dumped and restored."""
    migrations = MigrationRecorder(connection).migration_qs
    began: datetime = migrations.aggregate(began=Min("applied"))["began"]
    return began


def is_own(path: str, began: datetime) -> bool:
    """Whether a file can be of this database: none that is older than it.

    A console that is started with another database, for a test or by mistake, must not take the
    sound that the former one keeps for files that nobody owns.
    """
    return bool(default_storage.get_modified_time(path) >= began)
