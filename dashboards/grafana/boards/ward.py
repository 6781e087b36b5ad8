"""The whole ward at a glance: beds, worst first, and what rings."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana.panels import HALF, AnyPanel, board, everything, graph, number, rows
from dashboards.grafana.queries import InfluxQuery
from stream_processors.records import END_TO_END_AIM_MS

_WARD = "ward =~ /^$ward$/"


def build() -> Dashboard:
    return (
        board("heartward-ward", "Ward", "Every bed, the worst first, and the alarms.")
        .with_variable(everything("ward", "Ward", "SHOW TAG VALUES FROM heart WITH KEY = ward"))
        .with_panel(_beds_heard())
        .with_panel(_raised())
        .with_panel(_quality())
        .with_panel(_delay())
        .with_panel(_beds())
        .with_panel(_open_alarms())
        .with_panel(_battery())
        .with_panel(_abnormal())
    )


def _beds_heard() -> AnyPanel:
    last = f"SELECT last(quality) AS q FROM heart WHERE $timeFilter AND {_WARD} GROUP BY device"
    return number(
        "Devices heard",
        InfluxQuery(f"SELECT count(q) FROM ({last})", alias="devices"),
        says="Devices with at least one window in the period.",
    )


def _raised() -> AnyPanel:
    where = f"$timeFilter AND {_WARD} AND transition = 'raised'"
    return number(
        "Alarms raised",
        InfluxQuery(f"SELECT count(transition_no) FROM alarm WHERE {where}", alias="alarms"),
        says="Of every kind and priority.",
    )


def _quality() -> AnyPanel:
    return number(
        "Mean quality",
        InfluxQuery(f"SELECT mean(quality) FROM heart WHERE $timeFilter AND {_WARD}", alias="q"),
        says="Of all windows, 0 to 1.",
        unit="percentunit",
    )


def _delay() -> AnyPanel:
    where = f"$timeFilter AND {_WARD}"
    return number(
        "Delay, p99",
        InfluxQuery(f"SELECT percentile(end_to_end_ms, 99) FROM latency WHERE {where}", alias="p"),
        says="From a chunk's arrival at the bridge to the result in Kafka; red above the "
        f"objective, {END_TO_END_AIM_MS:.0f} ms.",
        unit="ms",
        limits=((END_TO_END_AIM_MS, "red"),),
    )


def _beds() -> AnyPanel:
    columns = (
        "last(probability_abnormal) AS abnormal, last(rate_bpm) AS rate_bpm, "
        "last(quality) AS quality, last(gap_fraction) AS gaps"
    )
    where = f"$timeFilter AND {_WARD} AND model = 'screen'"
    return rows(
        "Beds, worst first",
        InfluxQuery(f"SELECT {columns} FROM heart WHERE {where} GROUP BY ward, bed, device"),
        says="The last of each: probability of an abnormal sound, rate, quality, share missing.",
        worst_first="abnormal",
    )


def _open_alarms() -> AnyPanel:
    where = f"$timeFilter AND {_WARD}"
    by = "GROUP BY ward, bed, device, condition"  # priority may rise while an alarm is open
    columns = "last(state_to) AS state, priority, cause, urgency"
    last = f"SELECT {columns} FROM alarm WHERE {where} {by}"
    return rows(
        "Alarms, as they last were",
        InfluxQuery(last),
        says="The last transition of each alarm in the period, open ones first by priority; the "
        "console has those that ring.",
        worst_first="urgency",
    )


def _battery() -> AnyPanel:
    query = "SELECT min(battery) FROM device WHERE $timeFilter GROUP BY time($__interval), device"
    return graph(
        "Battery",
        InfluxQuery(query, alias="$tag_device"),
        says="What each device says of itself; of every ward, for a device has none.",
        unit="percentunit",
        most=1,
        span=HALF,
    )


def _abnormal() -> AnyPanel:
    where = f"$timeFilter AND {_WARD} AND model = 'screen'"
    by = "GROUP BY time($__interval), ward, bed"
    query = f"SELECT mean(probability_abnormal) FROM heart WHERE {where} {by}"
    return graph(
        "Abnormal sound by bed",
        InfluxQuery(query, alias="$tag_ward $tag_bed"),
        says="Mean probability of the screening model in service.",
        unit="percentunit",
        most=1,
        span=HALF,
    )
