"""What the alarms ask of people: how many, of whom, and how long until somebody answers."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana.panels import FULL, HALF, AnyPanel, board, everything, graph, number, rows
from dashboards.grafana.queries import InfluxQuery

_WHERE = "$timeFilter AND ward =~ /^$ward$/"
_RAISED = f"{_WHERE} AND transition = 'raised'"


def build() -> Dashboard:
    wards = "SHOW TAG VALUES FROM alarm WITH KEY = ward"
    return (
        board(
            "heartward-alarm-load",
            "Alarm load",
            "Alarms per bed and hour, and the time to acknowledge.",
            span="now-24h",
        )
        .with_variable(everything("ward", "Ward", wards))
        .with_panel(_rang())
        .with_panel(_answered())
        .with_panel(_by("ward, bed", "Alarms per bed and hour", span=FULL))
        .with_panel(_by("condition", "By condition", span=HALF))
        .with_panel(_by("priority", "By priority", span=HALF))
        .with_panel(_time_to_acknowledge())
        .with_panel(_most())
    )


def _rang() -> AnyPanel:
    query = f"SELECT count(transition_no) FROM alarm WHERE {_WHERE} AND rings = true"
    return number(
        "Rang", InfluxQuery(query, alias="times"), says="How often sound began.", span=HALF
    )


def _answered() -> AnyPanel:
    query = f"SELECT median(answered_s) FROM alarm WHERE {_WHERE}"
    return number(
        "Median time to acknowledge",
        InfluxQuery(query, alias="median"),
        says="From the first sound to the acknowledgement, of those that were acknowledged.",
        unit="s",
        span=HALF,
    )


def _by(tags: str, title: str, *, span: int) -> AnyPanel:
    query = (
        f"SELECT count(transition_no) FROM alarm WHERE {_RAISED} GROUP BY time(1h), {tags} fill(0)"
    )
    return graph(
        title,
        InfluxQuery(query, alias=" ".join(f"$tag_{tag}" for tag in tags.split(", "))),
        says="Alarms raised in each hour.",
        span=span,
        stacked=True,
    )


def _time_to_acknowledge() -> AnyPanel:
    ranks = ", ".join(f"percentile(answered_s, {rank}) AS p{rank}" for rank in (50, 90))
    query = f"SELECT {ranks} FROM alarm WHERE {_WHERE} GROUP BY time(1h), priority"
    return graph(
        "Time to acknowledge",
        InfluxQuery(query, alias="$tag_priority $col"),
        says="Median and 90th percentile of each hour, by priority.",
        unit="s",
        span=HALF,
    )


def _most() -> AnyPanel:
    query = (
        f"SELECT count(transition_no) AS alarms FROM alarm WHERE {_RAISED} "
        "GROUP BY ward, bed, condition"
    )
    return rows(
        "Which alarm of which bed",
        InfluxQuery(query),
        says="Those that were raised most often first.",
        worst_first="alarms",
        span=HALF,
    )
