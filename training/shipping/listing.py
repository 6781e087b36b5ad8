"""A folder of artifacts: files written whole, and a line for each in the manifest."""

import hashlib
from pathlib import Path

import msgspec

from models.contract import ModelContract
from models.errors import ConfigurationError
from models.registry import MANIFEST, Entry, Manifest, Registry, read_manifest


def require_new(folder: Path, name: str, version: str) -> None:
    """Raise `ConfigurationError` where this version is listed: what shipped is never changed."""
    for entry in _listed(folder):
        if (entry.name, entry.version) == (name, version):
            raise ConfigurationError(
                f"{name} {version} is in {folder / MANIFEST} already: give another --version, or "
                "--replace it"
            )


def put(
    folder: Path,
    contract: ModelContract,
    files: dict[str, bytes],
    *,
    artifact: str,
    mobile: str,
    card: str,
    default: bool,
) -> Entry:
    """Write files and list the artifact, in place of an older file of its name.

    Parameters
    ----------
    files
        By name; `artifact`, `mobile` and `card` are three of the names.
    default
        Whether it runs where nobody chose otherwise; its task's older default then does not.
    """
    entry = Entry(
        name=contract.name,
        version=contract.version,
        task=contract.task,
        labels=contract.labels,
        file=artifact,
        sha256=hashlib.sha256(files[artifact]).hexdigest(),
        mobile=mobile,
        mobile_sha256=hashlib.sha256(files[mobile]).hexdigest(),
        card=card,
        default=default,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    kept = tuple(
        msgspec.structs.replace(
            other, default=other.default and not (default and other.task == entry.task)
        )
        for other in _listed(folder)
        if other.file != entry.file
    )
    listed = msgspec.json.encode(Manifest(models=(*kept, entry)))
    write_whole(folder / MANIFEST, msgspec.json.format(listed) + b"\n")
    registry = Registry(folder)
    registry.check()
    registry.load(entry.name, entry.version)
    return entry


def write_whole(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def _listed(folder: Path) -> tuple[Entry, ...]:
    return read_manifest(folder).models if (folder / MANIFEST).exists() else ()
