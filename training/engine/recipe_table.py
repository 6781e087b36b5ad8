"""What every table of a recipe has in common."""

import math

import msgspec

from models.errors import ConfigurationError


class RecipeTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a recipe: a wrong name or value is refused in one sentence."""

    def _require(self, fine: bool, fault: str) -> None:
        if not fine:
            raise ConfigurationError(f"the recipe's {fault}")

    def _require_positive(self, table: str, *names: str) -> None:
        for name, value in self._values(names):
            self._require(0 < value < math.inf, f"{table}.{name} = {value:g}: give more than 0")

    def _require_at_least(self, least: int, table: str, *names: str) -> None:
        for name, value in self._values(names):
            fault = f"{table}.{name} = {value:g}: give at least {least}"
            self._require(least <= value < math.inf, fault)

    def _require_below_1(self, table: str, *names: str) -> None:
        for name, value in self._values(names):
            self._require(0 <= value < 1, f"{table}.{name} = {value:g}: give 0 to less than 1")

    def _require_share(self, table: str, *names: str) -> None:
        for name, value in self._values(names):
            self._require(0 <= value <= 1, f"{table}.{name} = {value:g}: give 0 to 1")

    def _values(self, names: tuple[str, ...]) -> list[tuple[str, float]]:
        return [(name, getattr(self, name)) for name in names]
