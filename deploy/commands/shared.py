"""What the commands of training and evaluation share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from models.errors import UserError

Draws = Annotated[
    int, typer.Option(min=100, max=100_000, help="How often subjects are drawn for an interval.")
]


@contextmanager
def training_extra() -> Iterator[None]:
    """Say in one sentence which optional package a command is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"this needs {error.name}: pip install 'heartward[training]'") from error
