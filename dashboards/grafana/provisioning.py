"""What a Grafana finds at its start: data source, folder, alert rules and whom they call.

Addresses and secrets come from Grafana's own environment and files; none is written here.
"""

from typing import Any

from dashboards.grafana.queries import SOURCE_UID
from stream_processors.records import END_TO_END_AIM_MS

FOLDER_UID, FOLDER = "heartward", "Heartward"
CONTACT, CONTACT_UID = "heartward-technical", "heartward-technical"

_GROUP = "heartward"
# As Grafana itself writes a minute: of 60s it would say ever again that it has another.
_HELD_FOR = "1m"

Document = dict[str, Any]


def datasource(*, url: str, bucket: str, authorization: str) -> Document:
    """InfluxDB by InfluxQL, which its 1.x and 2.x both speak."""
    return {
        "name": "Heartward",
        "uid": SOURCE_UID,
        "type": "influxdb",
        "access": "proxy",
        "url": url,
        "isDefault": True,
        "jsonData": {
            "version": "InfluxQL",
            "dbName": bucket,
            "httpMode": "POST",
            "httpHeaderName1": "Authorization",
        },
        "secureJsonData": {"httpHeaderValue1": authorization},
    }


def datasources_file() -> Document:
    source = datasource(
        url="$HEARTWARD_INFLUX_URL",
        bucket="$HEARTWARD_INFLUX_BUCKET",
        # Grafana puts no variable into the name of a file.
        authorization="Token $__file{/run/secrets/influxdb-token}",
    )
    return {"apiVersion": 1, "datasources": [{**source, "editable": False}]}


def folders_file() -> Document:
    """Where Grafana finds the boards, and the folder that it shows them in."""
    provider = {
        "name": "heartward",
        "type": "file",
        "folder": FOLDER,
        "folderUid": FOLDER_UID,
        "disableDeletion": True,
        "allowUiUpdates": False,
        "options": {"path": "/var/lib/grafana/dashboards/heartward"},
    }
    return {"apiVersion": 1, "providers": [provider]}


def rules() -> list[Document]:
    """The alerts. Patients' alarms are the pipeline's: Grafana only mirrors those."""
    return [
        _rule(
            "heartward-drift",
            "A model has drifted",
            "SELECT max(drifted) FROM drift WHERE $timeFilter GROUP BY model, version, role",
            period_s=3 * 3600,
            above=0.5,
            says="What it hears or says is no longer what it was validated on: see board Models.",
        ),
        _rule(
            "heartward-delay",
            "Results are late",
            "SELECT percentile(end_to_end_ms, 99) FROM latency WHERE $timeFilter",
            period_s=5 * 60,
            above=END_TO_END_AIM_MS,
            says="The 99th percentile from arrival to Kafka is over the objective, "
            f"{END_TO_END_AIM_MS:.0f} ms: see board Pipeline latency.",
        ),
        _rule(
            "heartward-silent",
            "Nothing is written",
            "SELECT count(up_s) * -1 FROM pipeline WHERE $timeFilter",
            period_s=5 * 60,
            above=-0.5,
            says="No process has reported to the database for five minutes.",
            no_data="Alerting",
        ),
    ]


def rules_file() -> Document:
    group = {
        "orgId": 1,
        "name": _GROUP,
        "folder": FOLDER,
        "interval": "1m",
        "rules": rules(),
    }
    return {"apiVersion": 1, "groups": [group]}


def contact_points() -> list[Document]:
    """An address that Grafana's environment names."""
    settings = {"addresses": "$HEARTWARD_GRAFANA_ALERT_EMAIL", "singleEmail": True}
    return [{"uid": CONTACT_UID, "type": "email", "settings": settings}]


def contact_points_file() -> Document:
    points = [{"orgId": 1, "name": CONTACT, "receivers": contact_points()}]
    return {"apiVersion": 1, "contactPoints": points}


def policies_file() -> Document:
    policy = {"orgId": 1, "receiver": CONTACT, "group_by": ["alertname"], "repeat_interval": "4h"}
    return {"apiVersion": 1, "policies": [policy]}


def _rule(
    uid: str,
    title: str,
    statement: str,
    *,
    period_s: int,
    above: float,
    says: str,
    no_data: str = "OK",
) -> Document:
    """Ask, take the last value of each line, compare."""
    return {
        "uid": uid,
        "title": title,
        "condition": "C",
        "data": [
            _question("A", statement, period_s),
            _expression("B", {"type": "reduce", "expression": "A", "reducer": "last"}),
            _expression(
                "C",
                {
                    "type": "threshold",
                    "expression": "B",
                    "conditions": [{"evaluator": {"type": "gt", "params": [above]}}],
                },
            ),
        ],
        "noDataState": no_data,
        "execErrState": "Error",
        "for": _HELD_FOR,
        "annotations": {"summary": says},
        "labels": {"service": "heartward"},
    }


def _question(ref_id: str, statement: str, period_s: int) -> Document:
    model = {"query": statement, "rawQuery": True, "resultFormat": "time_series"}
    return {
        "refId": ref_id,
        "relativeTimeRange": {"from": period_s, "to": 0},
        "datasourceUid": SOURCE_UID,
        "model": {"refId": ref_id, **model},
    }


def _expression(ref_id: str, model: Document) -> Document:
    return {
        "refId": ref_id,
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": "__expr__",
        "model": {"refId": ref_id, **model},
    }
