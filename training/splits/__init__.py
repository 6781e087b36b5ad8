"""Who is trained on and who is not: committed files, made once, by subject.

    python -m training.splits

writes them again, byte for byte the same.
"""

from training.splits.files import FOLDER, path_of, read_table, sha256, turns
from training.splits.held_out import SEED, SHARES, split
from training.splits.parts import Part
from training.splits.protocols import (
    LEAK,
    PROTOCOLS,
    Fold,
    Protocol,
    folds_of,
    protocol_named,
    with_validation,
)

__all__ = [
    "FOLDER",
    "LEAK",
    "PROTOCOLS",
    "SEED",
    "SHARES",
    "Fold",
    "Part",
    "Protocol",
    "folds_of",
    "path_of",
    "protocol_named",
    "read_table",
    "sha256",
    "split",
    "turns",
    "with_validation",
]
