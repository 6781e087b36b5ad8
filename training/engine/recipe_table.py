"""What every table of a recipe has in common."""

import msgspec

from models.errors import ConfigurationError


class RecipeTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a recipe: a wrong name or value is refused in one sentence."""

    def _require(self, fine: bool, fault: str) -> None:
        if not fine:
            raise ConfigurationError(f"the recipe's {fault}")
