"""Keys that a console on one machine makes for itself and keeps."""

import os
from collections.abc import Callable
from pathlib import Path

from models.errors import UserError

_OWNER_ALONE = 0o600


def kept_secret(file: Path, make: Callable[[], str]) -> str:
    """What the file holds; made on the first call, readable by its owner alone.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE)
        except FileExistsError:
            return file.read_text().strip()
        with os.fdopen(handle, "w") as opened:
            opened.write(secret := make())
    except OSError as error:
        raise UserError(
            f"{file} cannot be used ({error.strerror}): name a folder of your own in "
            "HEARTWARD_CONSOLE_FOLDER"
        ) from None
    return secret
