"""The room of this process, for views; set once, before the first request."""

from dashboards.console.live.room import Room

_room: Room | None = None


def enter(room: Room | None) -> None:
    """Let views find it; None takes it away again."""
    global _room  # noqa: PLW0603 (a process has one, and views get nothing passed in)
    _room = room


def room() -> Room:
    if _room is None:
        raise RuntimeError("the console's live ward has not been started")
    return _room
