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
    listed = msgspec.json.encode(Manifest(models=_with(_listed(folder), entry)))
    write_whole(folder / MANIFEST, msgspec.json.format(listed) + b"\n")
    registry = Registry(folder)
    registry.check()
    registry.load(entry.name, entry.version)
    return entry


def _with(listed: tuple[Entry, ...], new: Entry) -> tuple[Entry, ...]:
    """In the place of its file, else behind its older versions: the order is that of answers."""
    others = [
        msgspec.structs.replace(
            each, default=each.default and not (new.default and each.task == new.task)
        )
        for each in listed
        if each.file != new.file
    ]
    places = [place for place, each in enumerate(listed) if each.file == new.file]
    behind = [place + 1 for place, each in enumerate(others) if each.name == new.name]
    others.insert((places or behind[-1:] or [len(others)])[0], new)
    return tuple(others)


def write_whole(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def _listed(folder: Path) -> tuple[Entry, ...]:
    return read_manifest(folder).models if (folder / MANIFEST).exists() else ()
