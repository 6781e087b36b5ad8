"""What ships for Compose, Kubernetes and systemd keeps the rules of each."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from deploy.kafka_access import ACCESS, password_file
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
    secrets_of,
)
from tests.servers import ROOT, missing

DOCKERFILE = COMPOSE.with_name("Dockerfile")
COMPOSE_FILES = (COMPOSE, COMPOSE.with_name("three-brokers.yaml"))
OWN_FOLDERS = {  # of the images that we do not make, as their own pages say
    "mosquitto": "/mosquitto/data",
    "kafka": "/var/lib/kafka/data",
    "influxdb": "/var/lib/influxdb2",
    "grafana": "/var/lib/grafana",
    "postgres": "/var/lib/postgresql/data",
}
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
        assert "healthcheck" in service or service["restart"] in ("on-failure", "no"), name


def test_a_volume_lies_where_its_image_has_a_folder_of_that_user() -> None:
    """Docker gives a new volume the owner of the folder that it covers; else it is root's."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    ours = re.findall(r"install -d -o heartward .* (\S+)\n", DOCKERFILE.read_text())
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            source, target, *_ = re.sub(r"\$\{.*?\}", ".", volume).split(":")
            if "/" not in source:
                assert target in ([OWN_FOLDERS[name]] if name in OWN_FOLDERS else ours), name


def test_kafkas_image_is_told_nothing_that_it_would_ask_more_about() -> None:
    """With advertised TLS listeners it wants key stores with passwords of their own."""
    for file in COMPOSE_FILES:
        for name, service in yaml.safe_load(file.read_text())["services"].items():
            if name.startswith("kafka"):
                known = {"CLUSTER_ID", "KAFKA_HEAP_OPTS"}
                others = service["environment"].keys() - known
                assert all(setting.startswith("BROKER_") for setting in others), name


def test_every_secret_is_made_and_what_reads_it_can(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    run(COMPOSE.with_name("make-secrets"), secrets)
    assert secrets.stat().st_mode & 0o777 == 0o700
    for name in yaml.safe_load(COMPOSE.read_text())["secrets"]:
        assert (secrets / name).stat().st_mode & 0o777 == 0o444, name
    assert (secrets / "ca.key").stat().st_mode & 0o777 == 0o400


def test_grafana_is_given_the_file_that_its_data_source_names() -> None:
    source = ROOT / "dashboards/grafana/provisioned/provisioning/datasources/heartward.yaml"
    (file,) = re.findall(r"\$__file\{/run/secrets/([a-z-]+)\}", source.read_text())
    assert file in yaml.safe_load(COMPOSE.read_text())["services"]["grafana"]["secrets"]


def test_the_charts_addresses_are_its_services_and_stand_in_the_certificate(tmp_path: Path) -> None:
    readme = (CHART.parent / "README.md").read_text()
    ((host, names),) = re.findall(r"^(\S+=\S+) \S+make-secrets secrets (.+)$", readme, re.MULTILINE)
    run("env", host, COMPOSE.with_name("make-secrets"), tmp_path, *names.split())
    documents = list(yaml.safe_load_all(rendered("values.yaml")))
    services = {d["metadata"]["name"] for d in documents if d and d["kind"] == "Service"}
    settings = {name: value for d in from_chart() for name, value in d.environment.items()}
    mqtt, kafka = settings["HEARTWARD_MQTT_HOST"], settings["HEARTWARD_KAFKA_SERVERS"]
    database = urlsplit((tmp_path / "database-url").read_text()).hostname
    assert {mqtt, kafka.partition(":")[0], database} <= services
    certificate = run("openssl", "x509", "-in", tmp_path / "server.pem", "-noout", "-text")
    for name in (mqtt, kafka.partition(":")[0]):
        assert f"DNS:{name}" in certificate


def test_no_secret_stands_in_an_environment() -> None:
    for deployed in (*from_compose(), *from_chart(), *from_units()):
        for name, value in deployed.environment.items():
            secret = re.search("PASSWORD|TOKEN|KEY|DATABASE_URL", name)
            assert not secret or value.startswith("/run/secrets/"), (deployed.name, name)


@pytest.mark.parametrize("read", [from_compose, from_chart, from_units])
def test_a_process_is_given_the_secrets_that_it_reads_and_no_other(
    read: Callable[[], list[Deployed]],
) -> None:
    """Else who breaks into a worker could answer alarms, as the console."""
    for deployed in read():
        said = [*deployed.environment.values(), *deployed.command]
        reads = {Path(value).name for value in said if value.startswith("/run/secrets/")}
        if deployed.command[0] == "access":  # it makes the users, with everybody's password
            reads |= {password_file(Path(), access.user).name for access in ACCESS}
        assert deployed.secrets - {"ca.pem"} == reads - {"ca.pem"}, deployed.name


def test_a_server_of_the_chart_is_given_its_own_secrets() -> None:
    given = {
        document["metadata"]["name"].removeprefix("heartward-"): secrets_of(document)
        for document in yaml.safe_load_all(rendered("values.yaml"))
        if document and document["kind"] == "StatefulSet"
    }
    assert given["kafka"] == {"ca.pem", "kafka.pem", "kafka-admin"}
    assert given["influxdb"] == {"influxdb-password", "influxdb-token"}
    assert given["postgres"] == {"postgres-password"}
    assert given["grafana"] == {"grafana-password", "influxdb-token"}
    assert given["mosquitto"] == set()  # its files are in a volume of their own


def test_a_servers_door_is_open_to_those_who_use_it_alone() -> None:
    documents = [d for d in yaml.safe_load_all(rendered("values.yaml")) if d]
    doors = {
        (
            policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"],
            port["port"],
        ): {
            name
            for source in rule.get("from", ())
            for wanted in source["podSelector"]["matchExpressions"]
            for name in wanted["values"]
        }
        for policy in documents
        if policy["kind"] == "NetworkPolicy"
        for rule in policy["spec"]["ingress"]
        for port in rule["ports"]
    }
    assert doors["kafka", 9092] == _named_in(documents, "heartward-kafka:9092") - {"kafka"}
    assert doors["mosquitto", 8884] == _named_in(documents, "heartward-mosquitto")
    assert doors["influxdb", 8086] == _named_in(documents, "heartward-influxdb:8086")
    assert doors["postgres", 5432] == _named_in(documents, "/run/secrets/database-url")
    open_to_all = {door for door, sources in doors.items() if not sources}
    watched = {(name, 9100) for name in PROCESSES}
    assert open_to_all == watched | {("mosquitto", 8883), ("console", 8000), ("grafana", 3000)}
    served = {
        (service["spec"]["selector"]["app.kubernetes.io/component"], port["port"])
        for service in documents
        if service["kind"] == "Service"
        for port in service["spec"]["ports"]
    }
    assert doors.keys() == served


def _named_in(documents: list[Any], text: str) -> set[str]:
    """Which Pods have it in their environment."""
    found = set()
    for document in documents:
        if document["kind"] in ("StatefulSet", "Job"):
            pod = document["spec"]["template"]
            (container,) = pod["spec"]["containers"]
            if any(text in str(each.get("value")) for each in container["env"]):
                found.add(pod["metadata"]["labels"]["app.kubernetes.io/component"])
    return found


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


@pytest.mark.parametrize("values", VALUES)
def test_no_worker_is_started_for_which_there_is_no_partition(values: str) -> None:
    (topics,) = (d.command for d in from_chart(values) if d.command[0] == "topics")
    partitions = int(topics[topics.index("--partitions") + 1])
    for document in yaml.safe_load_all(rendered(values)):
        if document and document["kind"] == "HorizontalPodAutoscaler":
            assert document["spec"]["maxReplicas"] <= partitions


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


@pytest.mark.parametrize("unit", sorted(UNITS.glob("heartward-*.service")), ids=lambda u: u.stem)
def test_who_breaks_into_a_unit_finds_little_of_the_system(unit: Path) -> None:
    """By systemd's own review, from 0 to 10; a unit without any restriction has 9.6."""
    program = shutil.which("systemd-analyze") or missing(
        "systemd-analyze", "apt-get install systemd"
    )
    most = 30 if unit.stem == "heartward-kafka" else 20  # in tenths; what Java calls is not ours
    run(program, "security", "--offline=true", "--no-pager", f"--threshold={most}", unit)


@pytest.mark.parametrize("read", [from_compose, from_chart, from_units])
def test_every_process_is_in_every_way_to_run_a_ward_with_a_user_of_its_own(read: object) -> None:
    found: list[Deployed] = read()  # type: ignore[operator]
    users = {d.command[0]: d.environment["HEARTWARD_KAFKA_USER"] for d in found if not d.ends}
    assert users == {name: name for name in PROCESSES}
    assert {access.user for access in ACCESS} == PROCESSES


@pytest.mark.parametrize("read", [from_compose, from_chart, from_units])
def test_where_alarms_run_workers_tell_the_heart_rate(read: Callable[[], list[Deployed]]) -> None:
    """Else a heart that is too fast or too slow alarms nobody, and nothing says so."""
    workers = [deployed for deployed in read() if deployed.command[0] == "worker"]
    assert workers
    for worker in workers:
        assert worker.environment["HEARTWARD_WORKER_HEART"] == "true"
