"""What ships for Compose, Kubernetes and systemd keeps the rules of each."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy.kafka_access import ACCESS
from tests.deployed import (
    CHART,
    COMPOSE,
    UNITS,
    VALUES,
    Deployed,
    from_chart,
    from_compose,
    from_units,
    helm,
    rendered,
)
from tests.servers import missing

COMPOSE_FILES = (COMPOSE, COMPOSE.with_name("three-brokers.yaml"))
PROCESSES = {"bridge", "worker", "alarms", "influx", "drift", "console"}


def run(*command: object) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("file", COMPOSE_FILES, ids=lambda file: file.name)
def test_compose_files_keep_to_the_compose_specification(file: Path) -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    run(program, "--builtin-schema", "vendor.compose-spec", file)


def test_every_container_is_pinned_bounded_unprivileged_and_watched() -> None:
    for name, service in yaml.safe_load(COMPOSE.read_text())["services"].items():
        assert re.search(r":\d+\.\d+(\.\d+)?(-\w+)?$", service["image"]), name
        assert not service["user"].startswith("0"), name
        assert service["cap_drop"] == ["ALL"], name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert "healthcheck" in service or name in ("topics", "setup", "series", "drift"), name


def test_no_secret_stands_in_an_environment() -> None:
    for deployed in (*from_compose(), *from_chart(), *from_units()):
        for name, value in deployed.environment.items():
            secret = re.search("PASSWORD|TOKEN|KEY|DATABASE_URL", name)
            assert not secret or value.startswith("/run/secrets/"), (deployed.name, name)


@pytest.mark.parametrize("values", VALUES)
def test_the_chart_passes_lint_and_kubernetes_own_rules(values: str, tmp_path: Path) -> None:
    assert "0 chart(s) failed" in run(helm(), "lint", CHART, "-f", CHART / values)
    made = tmp_path / "rendered.yaml"
    made.write_text(rendered(values))
    said = run(Path(sys.executable).with_name("kubernetes-validate"), "--strict", made)
    assert said.count("passed for resource") == made.read_text().count("\nkind: ")


def test_workers_scale_by_lag_and_what_is_outside_is_not_deployed() -> None:
    inside, outside = (list(yaml.safe_load_all(rendered(v))) for v in VALUES[:2])
    (scaler,) = (d for d in inside if d and d["kind"] == "HorizontalPodAutoscaler")
    assert scaler["spec"]["metrics"][0]["pods"]["metric"]["name"] == "heartward_lag_records"
    (worker,) = (
        d
        for d in inside
        if d
        and d["metadata"]["name"] == "heartward-worker"
        and "replicas" not in d
        and d["kind"] == "StatefulSet"
    )
    assert "replicas" not in worker["spec"]  # the scaler's
    sets = {d["metadata"]["name"] for d in outside if d and d["kind"] == "StatefulSet"}
    assert sets == {f"heartward-{name}" for name in PROCESSES}


def test_units_are_what_systemd_reads_without_a_complaint(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze") or missing(
        "systemd-analyze", "apt-get install systemd"
    )
    for unit in UNITS.glob("heartward*"):
        text = re.sub(
            r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE
        )
        if unit.suffix in (".service", ".target", ".timer"):
            (tmp_path / unit.name).write_text(text)
    units = [path for path in tmp_path.iterdir() if "@" not in path.name]
    instance = tmp_path / "heartward-worker@1.service"
    instance.write_text((tmp_path / "heartward-worker@.service").read_text())
    assert run(program, "verify", *units, instance).strip() == ""


@pytest.mark.parametrize("read", [from_compose, from_chart, from_units])
def test_every_process_is_in_every_way_to_run_a_ward_with_a_user_of_its_own(read: object) -> None:
    found: list[Deployed] = read()  # type: ignore[operator]
    users = {d.command[0]: d.environment["HEARTWARD_KAFKA_USER"] for d in found if not d.ends}
    assert users == {name: name for name in PROCESSES}
    assert {access.user for access in ACCESS} == PROCESSES
