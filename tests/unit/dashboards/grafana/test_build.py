"""What ships for Grafana is what the code makes, and what Grafana's own types know."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.grafana import provisioning
from dashboards.grafana.build import FOLDER, boards, differing, files, write
from dashboards.grafana.queries import SOURCE_UID
from stream_processors.records import END_TO_END_AIM_MS

BOARDS = boards()
GRID = 24


def test_the_files_that_ship_are_those_that_the_code_makes() -> None:
    assert differing() == []


def test_a_changed_a_missing_and_a_foreign_file_are_named_and_mended(tmp_path: Path) -> None:
    assert len(write(tmp_path)) == len(files())
    (tmp_path / "dashboards" / "heartward-ward.json").write_text("{}")
    (tmp_path / "provisioning" / "alerting" / "rules.yaml").unlink()
    (tmp_path / "dashboards" / "old.json").write_text("{}")
    named = [
        "dashboards/heartward-ward.json",
        "dashboards/old.json",
        "provisioning/alerting/rules.yaml",
    ]
    assert differing(tmp_path) == named
    assert write(tmp_path) == named
    assert differing(tmp_path) == []


@pytest.mark.parametrize("uid", BOARDS)
def test_a_board_is_one_that_grafanas_own_types_know_whole(uid: str) -> None:
    """They are generated from its schema; what they do not know they would drop."""
    register_default_plugins()
    stored = json.loads((FOLDER / "dashboards" / f"{uid}.json").read_text())
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(json.loads(json.dumps(stored)))))
    marks = [mark.pop("target", None) for mark in stored["annotations"].get("list", [])]
    for mark in again["annotations"].get("list", []):
        mark.pop("target", None)  # of the data source, not of the common type
    assert again == stored
    assert all(mark is None or mark["fromAnnotations"] for mark in marks)


def test_there_are_five_boards() -> None:
    titles = {board["title"] for board in BOARDS.values()}
    assert titles == {"Ward", "Patient", "Pipeline latency", "Alarm load", "Models"}


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_ask_the_provisioned_source_for_the_shown_period(uid: str) -> None:
    for panel in BOARDS[uid]["panels"]:
        assert panel["datasource"]["uid"] == SOURCE_UID
        assert panel["description"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == SOURCE_UID
            assert "$timeFilter" in target["query"]
            assert target["rawQuery"] is True


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_lie_side_by_side(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in BOARDS[uid]["panels"]):
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not taken & cells
        assert place["x"] + place["w"] <= GRID
        taken |= cells


def test_the_objective_is_drawn_in() -> None:
    first = BOARDS["heartward-latency"]["panels"][0]
    steps = first["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, END_TO_END_AIM_MS]
    assert f"{END_TO_END_AIM_MS:.0f} ms" in first["description"]
    assert first["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] == "dashed"


def test_no_secret_and_no_address_is_in_a_file() -> None:
    for name, text in files().items():
        assert "http" not in text.replace("httpHeader", "").replace("httpMode", ""), name
    source = yaml.safe_load(files()[Path("provisioning/datasources/heartward.yaml")])
    (only,) = source["datasources"]
    assert only["url"] == "$HEARTWARD_INFLUX_URL"
    assert "$__file" in only["secureJsonData"]["httpHeaderValue1"]


def test_every_rule_asks_reduces_and_compares() -> None:
    names = set()
    for rule in provisioning.rules():
        ask, reduce, compare = rule["data"]
        assert rule["condition"] == compare["refId"]
        assert compare["model"]["expression"] == reduce["refId"]
        assert reduce["model"]["expression"] == ask["refId"]
        names.add(rule["title"])
    assert "A model has drifted" in names


def test_the_contact_point_of_the_policy_is_there() -> None:
    policies: dict[str, Any] = provisioning.policies_file()
    (policy,) = policies["policies"]
    (point,) = provisioning.contact_points_file()["contactPoints"]
    assert policy["receiver"] == point["name"]
