"""What the console and its decoding worker say to each other, one line of JSON each."""

import msgspec

from dashboards.console.recordings.kinds import Kind

ANSWER, PICTURES, HEARD, SALIENCY = "answer.json", "pictures.json", "heard.wav", "saliency.json"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Read `main` in `folder`, and leave the results in the same folder.

    `task` is ``classify``: `ANSWER`, `PICTURES` and `HEARD`; or ``explain``: `SALIENCY`.
    """

    task: str
    folder: str
    main: str
    kind: Kind
    name: str


class Stage(msgspec.Struct, frozen=True, kw_only=True, tag="stage"):
    """What is being done now, in a word or two."""

    words: str


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    pass


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """The recording cannot be used; asking again would not help."""

    reason: str


Report = Stage | Done | Refused
