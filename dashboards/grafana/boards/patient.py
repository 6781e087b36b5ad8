"""One device and who wears it: trends, findings, and its alarms as marks."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana.panels import HALF, AnyPanel, board, graph, rows, variable
from dashboards.grafana.queries import AlarmAnnotation, InfluxQuery

_DEVICE = "$timeFilter AND device =~ /^$device$/"
_RAISED = f"SELECT condition, cause FROM alarm WHERE {_DEVICE} AND transition = 'raised'"


def build() -> Dashboard:
    alarms = AlarmAnnotation("Alarms", _RAISED, text="cause", title="condition")
    devices = "SHOW TAG VALUES FROM heart WITH KEY = device"
    return (
        board("heartward-patient", "Patient", "One device's heart over time.")
        .with_variable(variable("device", "Device", devices))
        .annotation(alarms)
        .with_panel(_rate())
        .with_panel(_findings())
        .with_panel(_quality())
        .with_panel(_clock())
        .with_panel(_alarms())
    )


def _rate() -> AnyPanel:
    query = (
        f"SELECT median(rate_bpm) FROM heart WHERE {_DEVICE} AND rate_confidence > 0 "
        "GROUP BY time($__interval), bed"
    )
    return graph(
        "Heart rate",
        InfluxQuery(query, alias="$tag_bed"),
        says="Median of the windows in which a rate was told.",
        unit="bpm",
        span=HALF,
    )


def _findings() -> AnyPanel:
    query = (
        "SELECT mean(/^probability_/) FROM heart "
        f"WHERE {_DEVICE} AND model =~ /./ GROUP BY time($__interval), model"
    )
    return graph(
        "Findings",
        InfluxQuery(query, alias="$tag_model $col"),
        says="Mean probability of each label, by model in service.",
        unit="percentunit",
        most=1,
        span=HALF,
    )


def _quality() -> AnyPanel:
    query = (
        "SELECT mean(quality) AS quality, mean(gap_fraction) AS missing "
        f"FROM heart WHERE {_DEVICE} GROUP BY time($__interval)"
    )
    return graph(
        "Quality and gaps",
        InfluxQuery(query, alias="$col"),
        says="Quality of the sound, and the share of each window that is missing.",
        unit="percentunit",
        most=1,
        span=HALF,
    )


def _clock() -> AnyPanel:
    query = (
        f"SELECT last(clock_offset_ms) AS clock_offset FROM device WHERE {_DEVICE} "
        "GROUP BY time($__interval), device"
    )
    return graph(
        "Clock of the device",
        InfluxQuery(query, alias="$col"),
        says="How far its clock is off, as the bridge estimates.",
        unit="ms",
        span=HALF,
    )


def _alarms() -> AnyPanel:
    columns = "bed, condition, priority, transition, cause, actor"
    query = f"SELECT {columns} FROM alarm WHERE {_DEVICE} ORDER BY time DESC LIMIT 200"
    return rows(
        "What happened to its alarms", InfluxQuery(query), says="Every transition, last first."
    )
