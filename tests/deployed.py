"""Our processes as the shipped files start them: command and environment, read from each file."""

import configparser
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.servers import ROOT, SHARED, missing

COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
CHART = ROOT / "deploy" / "helm" / "heartward"
UNITS = ROOT / "deploy" / "systemd"
VALUES = ("values.yaml", "values-outside.yaml", "values-hospital.yaml")

_KUBERNETES = "1.31.0"
_SECRETS = "/run/secrets"
_UNIT_SECRETS = "/etc/heartward/secrets"


@dataclass(frozen=True)
class Deployed:
    """One of our processes; `ends` says whether it ends by itself, as a step of the set-up does.

    `secrets` are names of the files that it is given.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ends: bool
    secrets: frozenset[str]


def from_compose() -> list[Deployed]:
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return [
        Deployed(
            name,
            tuple(service["command"]),
            {key: _without_default(value) for key, value in service["environment"].items()},
            ends=service["restart"] in ("on-failure", "no"),
            secrets=frozenset(service["secrets"]),
        )
        for name, service in services.items()
        if service["image"].startswith("heartward:")
    ]


def from_chart(values: str = "values.yaml") -> list[Deployed]:
    return list(_of_documents(rendered(values)))


def from_units() -> list[Deployed]:
    shared = dict(_assignments((UNITS / "heartward.env").read_text()))
    return [
        _of_unit(path, shared)
        for path in sorted(UNITS.glob("heartward-*.service"))
        if path.stem not in ("heartward-kafka", "heartward-retrain")
    ]


def rendered(values: str) -> str:
    command = [helm(), "template", "heartward", str(CHART), "-f", str(CHART / values)]
    done = subprocess.run(
        [*command, "--kube-version", _KUBERNETES], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def helm() -> str:
    shared = SHARED / "helm" / "helm"
    program = os.environ.get("HEARTWARD_TEST_HELM") or shutil.which("helm")
    program = program or (str(shared) if shared.exists() else None)
    return program or missing("helm", "install Helm 3, or name it in HEARTWARD_TEST_HELM")


def _of_documents(text: str) -> Iterator[Deployed]:
    for document in yaml.safe_load_all(text):
        if document is None or document["kind"] not in ("StatefulSet", "Job"):
            continue
        name = document["metadata"]["name"]
        (container,) = document["spec"]["template"]["spec"]["containers"]
        if not container["image"].startswith("heartward:"):
            continue
        environment = {each["name"]: each.get("value", f"{name}-0") for each in container["env"]}
        yield Deployed(
            name,
            tuple(container["args"]),
            environment,
            ends=document["kind"] == "Job",
            secrets=secrets_of(document),
        )


def secrets_of(document: dict[str, Any]) -> frozenset[str]:
    """Names of the files that a Pod of this set or job is given of the chart's Secret."""
    volumes = document["spec"]["template"]["spec"]["volumes"]
    given = (volume["secret"]["items"] for volume in volumes if "secret" in volume)
    return frozenset(item["path"] for items in given for item in items)


def _of_unit(path: Path, shared: Mapping[str, str]) -> Deployed:
    lines = path.read_text().splitlines()
    given = [line.partition("=")[::2] for line in lines if "=" in line]
    credentials = dict(value.partition(":")[::2] for key, value in given if key == "LoadCredential")
    (start,) = (value for key, value in given if key == "ExecStart")
    environment = dict(shared)
    for value in (value for key, value in given if key == "Environment"):
        name, _, text = value.partition("=")
        if text.startswith("%d/"):  # systemd puts each credential there
            text = credentials[text.removeprefix("%d/")].replace(_UNIT_SECRETS, _SECRETS)
        environment[name] = text.replace("%i", "1")
    program, *command = shlex.split(start.replace("%i", "1"))
    assert Path(program).name == "heartward"
    # The authority's certificate is no secret, and lies open.
    secrets = frozenset({Path(file).name for file in credentials.values()} | {"ca.pem"})
    return Deployed(path.stem, tuple(command), environment, ends=False, secrets=secrets)


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    read = configparser.ConfigParser(interpolation=None)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string("[all]\n" + text)
    yield from read["all"].items()


def _without_default(value: str) -> str:
    """What Compose takes where its own environment says nothing: ``${NAME:-this}``."""
    return value.partition(":-")[2].rstrip("}") if value.startswith("${") else value


def here(
    deployed: Deployed, *, secrets: Path, places: Mapping[str, str], folder: Path
) -> dict[str, str]:
    """The same environment on this machine: other addresses, other folders, nothing else."""
    changed = {}
    for name, value in deployed.environment.items():
        moved = value.replace("/etc/heartward/ca.pem", f"{_SECRETS}/ca.pem")
        moved = moved.replace(_SECRETS, str(secrets))
        changed[name] = places.get(name, moved.replace("/var/lib/heartward", str(folder)))
    return changed
