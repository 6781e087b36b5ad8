"""A bar for what takes a while, where somebody looks; files, pipes and logs stay as they are."""

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

_Item = TypeVar("_Item")


def tracked(items: Iterable[_Item], words: str) -> Iterable[_Item]:
    """The items one by one, and on a terminal how far they are, beside the command's output."""
    console = Console(stderr=True)
    return track(items, words, console=console, transient=True, disable=not console.is_terminal)
