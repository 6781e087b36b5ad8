"""What is wrong with models and faults is known before anything is started."""

import shutil
from pathlib import Path

import pytest

from deploy.local_stack import Plan, Simulation
from deploy.preflight import check
from ingest.connections import InfluxConnection
from models.errors import ModelError, UserError
from models.registry import ARTIFACTS, Registry


def _plan(faults: str) -> Plan:
    simulation = Simulation(beds=1, faults=faults)
    return Plan(influx=InfluxConnection.model_construct(), simulation=simulation)


def test_what_is_shipped_passes() -> None:
    check(_plan("gentle"))


def test_unknown_faults_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(UserError, match=r"'silly' is not known, these are: none, gentle, rough"):
        check(_plan("silly"))


def test_an_altered_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models"
    shutil.copytree(ARTIFACTS, folder)
    with (folder / Registry(folder).entries[0].file).open("ab") as model:
        model.write(b"x")
    monkeypatch.setenv("HEARTWARD_WORKER_MODELS_DIR", str(folder))
    with pytest.raises(ModelError, match="does not match its checksum"):
        check(_plan("none"))
