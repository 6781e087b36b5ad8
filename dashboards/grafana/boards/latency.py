"""The pipeline itself: delay of every stage, lag, throughput, what was dropped or missing."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana.panels import FULL, HALF, THIRD, AnyPanel, board, graph
from dashboards.grafana.queries import InfluxQuery
from stream_processors.records import END_TO_END_AIM_MS

_STAGES = {
    "received_to_windowed": "Until a window is whole",
    "windowed_to_inferred": "Until it is classified",
    "inferred_to_published": "Until Kafka holds the result",
    "capture_to_received": "From device to bridge",
}
_PERCENTILES = "Median, 95th and 99th percentile of all windows."
_BY_PROCESS = "GROUP BY time($__interval), process, instance"


def build() -> Dashboard:
    made = board(
        "heartward-latency",
        "Pipeline latency",
        "Delay of each stage and end to end, lag, throughput, losses.",
        span="now-1h",
    ).with_panel(_end_to_end())
    for name, title in _STAGES.items():
        made = made.with_panel(_stage(name, title))
    return (
        made.with_panel(_to_alarm())
        .with_panel(_gaps())
        .with_panel(_lag())
        .with_panel(_throughput())
        .with_panel(_dead_letters())
        .with_panel(_missing())
        .with_panel(_duplicates())
        .with_panel(_batches())
    )


def _end_to_end() -> AnyPanel:
    return graph(
        "From arrival to result",
        _percentiles("end_to_end"),
        says=f"{_PERCENTILES} The line is the objective: 99 of 100 within {END_TO_END_AIM_MS:.0f} "
        "ms from a chunk's arrival at the bridge to the result in Kafka. What the database and a "
        "page take to write and to show it comes on top.",
        unit="ms",
        span=FULL,
        limits=((END_TO_END_AIM_MS, "red"),),
    )


def _stage(name: str, title: str) -> AnyPanel:
    note = " Depends on the device's own clock." if name == "capture_to_received" else ""
    return graph(title, _percentiles(name), says=f"{_PERCENTILES}{note}", unit="ms", span=HALF)


def _to_alarm() -> AnyPanel:
    ranks = ", ".join(f"percentile(delay_ms, {rank}) AS p{rank}" for rank in (50, 95, 99))
    where = "$timeFilter AND transition = 'raised'"
    query = f"SELECT {ranks} FROM alarm WHERE {where} GROUP BY time($__interval)"
    return graph(
        "From result to alarm",
        InfluxQuery(query, alias="$col"),
        says="Of alarms that were raised: from the record that raised it to the alarm in Kafka.",
        unit="ms",
        span=HALF,
        sparse=True,
    )


def _percentiles(stage: str) -> InfluxQuery:
    ranks = ", ".join(f"percentile({stage}_ms, {rank}) AS p{rank}" for rank in (50, 95, 99))
    query = f"SELECT {ranks} FROM latency WHERE $timeFilter GROUP BY time($__interval)"
    return InfluxQuery(query, alias="$col")


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


def _gaps() -> AnyPanel:
    return graph(
        "Windows with gaps, a second",
        _rate_of("count_gapped", "audio", alias="$tag_instance: published"),
        _rate_of("count_withheld", "audio", alias="$tag_instance: withheld"),
        says="Published although a part is missing, and withheld because more than half is.",
        span=HALF,
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


def _rate_of(counter: str, process: str, *, alias: str = "$tag_instance") -> InfluxQuery:
    query = (
        f"SELECT non_negative_derivative(max({counter}), 1s) FROM pipeline "
        f"WHERE $timeFilter AND process = '{process}' {_BY_PROCESS}"
    )
    return InfluxQuery(query, alias=alias)
