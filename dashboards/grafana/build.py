"""The files that Grafana is provisioned with, written out of the code that makes them."""

import json
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.grafana import provisioning
from dashboards.grafana.boards import alarm_load, latency, models, patient, ward

FOLDER = Path(__file__).parent / "provisioned"

_BOARDS = (ward, patient, latency, alarm_load, models)


def boards() -> dict[str, dict[str, Any]]:
    """Every board as Grafana stores it, by uid."""
    built = [json.loads(JSONEncoder().encode(each.build().build())) for each in _BOARDS]
    return {board["uid"]: board for board in built}


def files() -> dict[Path, str]:
    """Each file below the folder, and its text."""
    found = {
        Path("dashboards") / f"{uid}.json": json.dumps(board, indent=2, sort_keys=True) + "\n"
        for uid, board in boards().items()
    }
    documents = {
        "datasources/heartward.yaml": provisioning.datasources_file(),
        "dashboards/heartward.yaml": provisioning.folders_file(),
        "alerting/rules.yaml": provisioning.rules_file(),
        "alerting/contact-points.yaml": provisioning.contact_points_file(),
        "alerting/policies.yaml": provisioning.policies_file(),
    }
    for name, document in documents.items():
        found[Path("provisioning") / name] = yaml.safe_dump(document, sort_keys=False, width=100)
    return found


def differing(folder: Path = FOLDER) -> list[str]:
    """Names of files that are not as the code makes them, or that it does not make."""
    wanted = files()
    there = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    changed = {name for name, text in wanted.items() if _text(folder / name) != text}
    return sorted(map(str, changed | (there - wanted.keys())))


def write(folder: Path = FOLDER) -> list[str]:
    """Write what differs, take away what is made no more, and return the names."""
    names, wanted = differing(folder), files()
    for name in map(Path, names):
        target = folder / name
        if name in wanted:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(wanted[name])
        else:
            target.unlink()
    return names


def _text(file: Path) -> str | None:
    return file.read_text() if file.is_file() else None
