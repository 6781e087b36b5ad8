"""What is stored of a recording beside its row. Loaded late: the models' libraries come with it."""

import msgspec

from dashboards.console.recordings.saliency import Saliency
from models.answer import FileAnswer


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ``heartward classify --json``, and the rate at which the sound was read."""

    file: FileAnswer
    sample_rate_hz: int
    window_s: dict[str, float]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    maps: tuple[Saliency, ...]
