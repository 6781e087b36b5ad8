"""The models in service and in shadow: drift, disagreement, and the sound they are given."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.grafana.panels import HALF, AnyPanel, board, graph, rows
from dashboards.grafana.queries import InfluxQuery
from models.contract import DISTANCE
from models.drift import DRIFTED, MOVED

_BY_MODEL = "GROUP BY time($__interval), model, version, role"
_NAMED = "$tag_model $tag_version $tag_role"


def build() -> Dashboard:
    return (
        board(
            "heartward-models",
            "Models",
            "Drift, shadow and quality; `heartward drift` writes what is shown of drift.",
            span="now-7d",
        )
        .with_panel(_drift())
        .with_panel(_distance())
        .with_panel(_by_quantity())
        .with_panel(_abstained())
        .with_panel(_agreement())
        .with_panel(_beside("heart", "Mean probabilities in service"))
        .with_panel(_beside("heart_shadow", "Mean probabilities in shadow"))
        .with_panel(_quality())
        .with_panel(_windows())
    )


def _drift() -> AnyPanel:
    return graph(
        "Drift, worst quantity",
        InfluxQuery(_of("max(psi_worst)"), alias=_NAMED),
        says="Stability index against the validation set, less what chance gives. An alert calls "
        "from the red line on, of a hundred windows or more.",
        span=HALF,
        sparse=True,
        limits=((MOVED, "yellow"), (DRIFTED, "red")),
    )


def _distance() -> AnyPanel:
    return graph(
        "Distance of the sound",
        InfluxQuery(_of(f"mean({DISTANCE})"), alias=_NAMED),
        says="How far what a model's last layer reads is from the validation set's; about 1 is "
        "what is like it.",
        span=HALF,
        sparse=True,
    )


def _by_quantity() -> AnyPanel:
    query = "SELECT last(/^psi_/) FROM drift WHERE $timeFilter GROUP BY model, version, role"
    return rows("Drift by quantity", InfluxQuery(query), says="Of the last interval.")


def _abstained() -> AnyPanel:
    return graph(
        "Share abstained",
        InfluxQuery(_of("mean(abstained_share)"), alias=_NAMED),
        says="Windows for which a model gave no answer.",
        unit="percentunit",
        most=1,
        span=HALF,
        sparse=True,
    )


def _agreement() -> AnyPanel:
    return graph(
        "Shadow agrees",
        InfluxQuery(_of("mean(agreement)"), alias=_NAMED),
        says="Share of windows in which a model in shadow has the label of the one in service.",
        unit="percentunit",
        most=1,
        span=HALF,
        sparse=True,
    )


def _beside(measurement: str, title: str) -> AnyPanel:
    query = (
        f"SELECT mean(/^probability_/) FROM {measurement} WHERE $timeFilter AND model =~ /./ "
        "GROUP BY time($__interval), model"
    )
    return graph(
        title,
        InfluxQuery(query, alias="$tag_model $col"),
        says="Of all windows of the ward, by label.",
        unit="percentunit",
        most=1,
        span=HALF,
    )


def _quality() -> AnyPanel:
    ranks = ", ".join(f"percentile(quality, {rank}) AS p{rank}" for rank in (10, 50, 90))
    query = f"SELECT {ranks} FROM heart WHERE $timeFilter GROUP BY time($__interval)"
    return graph(
        "Quality of the sound",
        InfluxQuery(query, alias="$col"),
        says="Tenth, fiftieth and ninetieth percentile of all windows.",
        unit="percentunit",
        most=1,
        span=HALF,
    )


def _windows() -> AnyPanel:
    return graph(
        "Windows judged",
        InfluxQuery(_of("sum(windows)"), alias=_NAMED),
        says="On which the drift of an interval rests.",
        span=HALF,
        sparse=True,
    )


def _of(what: str) -> str:
    return f"SELECT {what} FROM drift WHERE $timeFilter {_BY_MODEL}"
