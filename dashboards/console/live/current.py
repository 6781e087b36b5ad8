"""The room of this process, for views; set once, before the first request."""

from dashboards.console.live.room import Room

PATIENCE_S = 10.0

_room: Room | None = None


class NotYetError(Exception):
    """The console has just started and does not know the ward yet; it is worth another try."""

    def __init__(self) -> None:
        super().__init__("the console has just started; try again in a moment")


def enter(room: Room | None) -> None:
    """Let views find it; None takes it away again."""
    global _room  # noqa: PLW0603 (a process has one, and views get nothing passed in)
    _room = room


def room() -> Room:
    """As it is, known or not yet."""
    if _room is None:
        raise RuntimeError("the console's live ward has not been started")
    return _room


def filled_room() -> Room:
    """Once the ward is known; for a thread, never the event loop.

    Raises
    ------
    NotYetError
        When it is not known within `PATIENCE_S`.
    """
    found = room()
    if not found.filled.wait(PATIENCE_S):
        raise NotYetError
    return found
