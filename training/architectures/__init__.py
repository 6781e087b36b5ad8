"""`architectures.build(name, ...)` makes any net of the comparison."""

from training.architectures.registry import NAMES, Classifier, build, least_side, options_of

__all__ = ["NAMES", "Classifier", "build", "least_side", "options_of"]
