"""The pipeline itself: delay of every stage, lag, throughput, what was dropped or missing."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana.panels import FULL, HALF, THIRD, AnyPanel, board, graph
from dashboards.grafana.queries import InfluxQuery

OBJECTIVE_MS = 1000.0
"""From arrival to result; windows follow each other every 2.5 s."""

_STAGES = {
    "received_to_windowed": "Until a window is whole",
    "windowed_to_inferred": "Until it is classified",
    "inferred_to_published": "Until Kafka holds the result",
    "capture_to_received": "From device to bridge",
}
_BY_PROCESS = "GROUP BY time($__interval), process, instance"


def build() -> Dashboard:
    made = board(
        "heartward-latency",
        "Pipeline latency",
        "Delay of each stage and end to end, lag, throughput, losses.",
        span="now-1h",
    ).with_panel(_stage("end_to_end", "From arrival to result", span=FULL, objective=True))
    for name, title in _STAGES.items():
        made = made.with_panel(_stage(name, title, span=HALF))
    return (
        made.with_panel(_lag())
        .with_panel(_throughput())
        .with_panel(_dead_letters())
        .with_panel(_missing())
        .with_panel(_duplicates())
        .with_panel(_batches())
    )


def _stage(name: str, title: str, *, span: int, objective: bool = False) -> AnyPanel:
    ranks = ", ".join(f"percentile({name}_ms, {rank}) AS p{rank}" for rank in (50, 95, 99))
    query = f"SELECT {ranks} FROM latency WHERE $timeFilter GROUP BY time($__interval)"
    note = " Depends on the device's own clock." if name == "capture_to_received" else ""
    return graph(
        title,
        InfluxQuery(query, alias="$col"),
        says=f"Median, 95th and 99th percentile of all windows.{note}",
        unit="ms",
        span=span,
        limits=((OBJECTIVE_MS, "red"),) if objective else (),
    )


def _lag() -> AnyPanel:
    query = f"SELECT max(lag) FROM pipeline WHERE $timeFilter {_BY_PROCESS}"
    return graph(
        "Lag",
        InfluxQuery(query, alias="$tag_instance"),
        says="Records in Kafka that a process has not finished with.",
        span=THIRD,
    )


def _throughput() -> AnyPanel:
    return graph(
        "Results a second",
        _rate_of("count_results", "audio"),
        says="Of each audio worker.",
        unit="short",
        span=THIRD,
    )


def _dead_letters() -> AnyPanel:
    return graph(
        "Dead letters a second",
        _rate_of("count_dead_letters", "audio"),
        _rate_of("count_refused", "bridge"),
        says="What workers and bridges refused.",
        span=THIRD,
    )


def _missing() -> AnyPanel:
    inner = (
        "SELECT non_negative_difference(max(missing_s)) AS lost FROM device "
        "WHERE $timeFilter GROUP BY time($__interval), device"
    )
    query = f"SELECT sum(lost) FROM ({inner}) WHERE $timeFilter GROUP BY time($__interval)"
    return graph(
        "Sound missing",
        InfluxQuery(query, alias="seconds"),
        says="Seconds of sound that no bridge has received, of all devices.",
        unit="s",
        span=THIRD,
    )


def _duplicates() -> AnyPanel:
    return graph(
        "Chunks sent again, a second",
        _rate_of("count_duplicates", "bridge"),
        says="Chunks that a bridge had already.",
        span=THIRD,
    )


def _batches() -> AnyPanel:
    query = (
        "SELECT (last(count_batched_windows) - first(count_batched_windows)) / "
        "(last(count_batches) - first(count_batches)) AS windows FROM pipeline "
        f"WHERE $timeFilter AND process = 'audio' {_BY_PROCESS}"
    )
    return graph(
        "Windows a batch",
        InfluxQuery(query, alias="$tag_instance"),
        says="How many windows are classified together, by worker.",
        span=THIRD,
    )


def _rate_of(counter: str, process: str) -> InfluxQuery:
    query = (
        f"SELECT non_negative_derivative(max({counter}), 1s) FROM pipeline "
        f"WHERE $timeFilter AND process = '{process}' {_BY_PROCESS}"
    )
    return InfluxQuery(query, alias="$tag_instance")
