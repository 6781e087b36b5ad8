"""InfluxQL as Grafana asks it: one language that InfluxDB 1 and 2 both speak."""

from typing import Any

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import AnnotationQuery, DataSourceRef

SOURCE_UID = "heartward-influxdb"
SOURCE = DataSourceRef(type_val="influxdb", uid=SOURCE_UID)


class InfluxQuery(Dataquery, Builder[Dataquery]):
    """A raw query; Grafana puts the time range and the variables in.

    Parameters
    ----------
    statement
        With `$timeFilter`, `$__interval` and variables as ``/^$device$/``.
    alias
        Name of each line; ``$tag_bed`` and ``$col`` are filled in. None for a table.
    """

    def __init__(self, statement: str, *, alias: str | None = None) -> None:
        self.statement = statement
        self.alias = alias
        self.ref_id = "A"

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, Any]:
        shape = {"resultFormat": "table"} if self.alias is None else {"alias": self.alias}
        return {
            "refId": self.ref_id,
            "datasource": {"type": SOURCE.type_val, "uid": SOURCE.uid},
            "query": self.statement,
            "rawQuery": True,
            "resultFormat": "time_series",
        } | shape


class AlarmAnnotation(AnnotationQuery, Builder[AnnotationQuery]):
    """A mark on every time axis; the data source's own fields are not in the common type."""

    def __init__(self, name: str, statement: str, *, text: str, title: str) -> None:
        super().__init__(name=name, datasource=SOURCE, enable=True, icon_color="red")
        self._target = {
            "refId": "Anno",
            "query": statement,
            "rawQuery": True,
            "fromAnnotations": True,
            "textColumn": text,
            "titleColumn": title,
        }

    def build(self) -> AnnotationQuery:
        return self

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {"target": self._target}
