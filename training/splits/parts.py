"""The words for what a recording is used for."""

from typing import Literal, get_args

Part = Literal["train", "validation", "test"]

PARTS: tuple[Part, ...] = get_args(Part)


def part_named(text: str) -> Part:
    for part in PARTS:
        if text == part:
            return part
    raise ValueError(f"{text!r} is not one of {PARTS}")
