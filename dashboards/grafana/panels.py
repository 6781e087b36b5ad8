"""The few kinds of panels that the boards are made of."""

from grafana_foundation_sdk.builders import common, dashboard, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    Panel,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)

from dashboards.grafana.queries import SOURCE, InfluxQuery

FULL, HALF, THIRD, QUARTER = 24, 12, 8, 6
_HEIGHT = 8
_SILENT_MS = 60_000

AnyPanel = Builder[Panel]
Limits = tuple[tuple[float, str], ...]
"""Where a colour begins, after green."""


def graph(
    title: str,
    *queries: InfluxQuery,
    says: str,
    unit: str = "short",
    span: int = HALF,
    most: float | None = None,
    limits: Limits = (),
    stacked: bool = False,
    sparse: bool = False,
) -> timeseries.Panel:
    """Lines over time; limits are drawn in.

    A line ends where its series is silent for a minute, unless its points are `sparse`.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(_HEIGHT)
        .min(0)
        .line_width(1)
        .fill_opacity(40 if stacked else 5)
        .span_nulls(sparse or _SILENT_MS)
        .show_points(VisibilityMode.AUTO)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    if most is not None:
        panel = panel.max(most)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if limits:
        line = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(_thresholds(limits)).thresholds_style(line)
    return panel.targets(_lettered(queries))


def number(
    title: str,
    query: InfluxQuery,
    *,
    says: str,
    unit: str = "short",
    limits: Limits = (),
    span: int = QUARTER,
) -> stat.Panel:
    """One number."""
    return (
        stat.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(4)
        .no_value("none")
        .color_mode(BigValueColorMode.VALUE)
        .thresholds(_thresholds(limits))
        .with_target(query)
    )


def rows(
    title: str, query: InfluxQuery, *, says: str, worst_first: str | None = None, span: int = FULL
) -> table.Panel:
    """A table, sorted by one column where the database cannot."""
    panel = (
        table.Panel()
        .title(title)
        .description(says)
        .datasource(SOURCE)
        .span(span)
        .height(_HEIGHT + 2)
        .no_value("")
        .filterable(True)
        .with_target(query)
    )
    if worst_first is None:
        return panel
    options = {"fields": {}, "sort": [{"field": worst_first, "desc": True}]}
    return panel.with_transformation(DataTransformerConfig(id_val="sortBy", options=options))


def variable(name: str, label: str, statement: str) -> dashboard.QueryVariable:
    """What a reader chooses from, asked of the database."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(statement)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def everything(name: str, label: str, statement: str) -> dashboard.QueryVariable:
    """The same, several or all at once."""
    return variable(name, label, statement).multi(True).include_all(True).all_value(".*")


def board(uid: str, title: str, says: str, *, span: str = "now-6h") -> dashboard.Dashboard:
    """An empty board; what is provisioned is changed here and not in Grafana."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(f"{says} Research software, not a medical device.")
        .tags(["heartward"])
        .readonly()
        .refresh("10s")
        .time(span, "now")
        .timezone("browser")
    )


def _thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=None, color="green")]
    steps += [Threshold(value=value, color=color) for value, color in limits]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _lettered(queries: tuple[InfluxQuery, ...]) -> list[Builder[Dataquery]]:
    for letter, query in zip("ABCDEFGH", queries, strict=False):
        query.ref_id = letter
    return [*queries]
