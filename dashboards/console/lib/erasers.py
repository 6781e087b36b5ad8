"""What else erases itself when old data, or those of a patient, are to go.

An app that stands above the history registers its part here, when Django is ready.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple


class Eraser(NamedTuple):
    """Each function returns how many it has erased; `what` names them in the plural."""

    what: str
    before: Callable[[datetime], int]
    of_patient: Callable[[str], int]


_erasers: dict[str, Eraser] = {}


def register(eraser: Eraser) -> None:
    _erasers[eraser.what] = eraser


def erase_before(at: datetime) -> dict[str, int]:
    """Erase what is older; how many of what."""
    return {eraser.what: eraser.before(at) for eraser in _erasers.values()}


def erase_patient(pseudonym: str) -> dict[str, int]:
    """Erase all of a patient; how many of what."""
    return {eraser.what: eraser.of_patient(pseudonym) for eraser in _erasers.values()}
