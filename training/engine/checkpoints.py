"""Checkpoints on disk: each is whole or not there, and what goes wrong is said in one line."""

import os
from pathlib import Path
from typing import Any

import torch

from models.errors import ModelError

State = dict[str, Any]


def write(state: State, path: Path) -> None:
    """Put it in the place of the one before, which stays where this one cannot be written.

    Raises
    ------
    ModelError
        If it cannot be written, for instance on a full disk.
    """
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the name on an empty file
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise ModelError(
            f"{path} cannot be written ({_reason(error)}): mend that, then go on with --resume"
        ) from None


def read(path: Path) -> State | None:
    """What `write` wrote, on the CPU; None where it is damaged.

    Raises
    ------
    ModelError
        If there is nothing to read.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except Exception:  # noqa: BLE001 (damage makes torch raise anything)
        return None
    return state if isinstance(state, dict) else None


def _reason(error: BaseException) -> str:
    """The system's word: torch's writer covers it with a failed check of its own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__context__
    return str(error).partition("\n")[0]
