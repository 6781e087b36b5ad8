"""Which artifacts there are, which run by default, and that each is the file it claims to be."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from models.errors import ModelError

if TYPE_CHECKING:
    from models.predictor import OnnxPredictor

ARTIFACTS = Path(__file__).parent / "artifacts"
MANIFEST = "manifest.json"
_NO_FINDINGS = ("segment", "quality")  # tasks whose labels are no findings


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One artifact.

    Attributes
    ----------
    labels
        In the order of its answers, as whoever listed it read them; not compared where empty.
    mobile, mobile_sha256
        The same graph in the runtime's own format, for phones and gateways; empty where there is
        none.
    default
        Whether it runs where nobody chose otherwise.
    """

    name: str
    version: str
    task: str
    file: str
    sha256: str
    card: str
    labels: tuple[str, ...] = ()
    mobile: str = ""
    mobile_sha256: str = ""
    default: bool = False


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    models: tuple[Entry, ...]


class Registry:
    """A folder of artifacts and its manifest.

    Raises
    ------
    ModelError
        If the manifest is missing or not readable.
    """

    def __init__(self, folder: Path = ARTIFACTS) -> None:
        self._folder = folder
        self.entries = read_manifest(folder).models
        self._loaded: dict[Entry, OnnxPredictor] = {}

    def check(self) -> None:
        """Compare every file with its checksum; quick, since nothing is loaded.

        Raises
        ------
        ModelError
            If one is missing or altered.
        """
        for entry in self.entries:
            self._checked(entry.file, entry.sha256)
            if entry.mobile:
                self._checked(entry.mobile, entry.mobile_sha256)

    def load(self, name: str, version: str) -> OnnxPredictor:
        """Load one artifact after checking its hash.

        One that was installed since is found too; what runs by default stays as it was.

        Raises
        ------
        ModelError
            If it is unknown, missing, altered, or not what the manifest calls it.
        """
        for entry in self.entries:
            if (entry.name, entry.version) == (name, version):
                return self._once(entry)
        if self._has_news():
            return self.load(name, version)
        known = ", ".join(f"{entry.name} {entry.version}" for entry in self.entries) or "none"
        raise ModelError(f"model {name} {version} is not in {self._folder}: known are {known}")

    def defaults(self) -> tuple[OnnxPredictor, ...]:
        """The models that run where nobody chose otherwise; raises `ModelError` as `load`."""
        chosen = tuple(self._once(entry) for entry in self.entries if entry.default)
        if not chosen:
            raise ModelError(f"no model in {self._folder / MANIFEST} is marked as default")
        return chosen

    def installed(self) -> tuple[OnnxPredictor, ...]:
        """One model of each name: what runs by default, or where none does all its versions.

        So a candidate beside the version in service is heard only where somebody names it.

        Raises
        ------
        ModelError
            If there is none, and as `load`.
        """
        in_service = {entry.name for entry in self.entries if entry.default}
        chosen = [each for each in self.entries if each.default or each.name not in in_service]
        if not chosen:
            raise ModelError(f"there is no model in {self._folder / MANIFEST}")
        return tuple(self._once(entry) for entry in chosen)

    def segmenter(self) -> OnnxPredictor:
        """The default model of task `segment`, which hears S1 and S2.

        Raises
        ------
        ModelError
            If there is none, and as `load`.
        """
        for entry in self.entries:
            if entry.default and entry.task == "segment":
                return self._once(entry)
        raise ModelError(f"no model of task segment in {self._folder / MANIFEST} is a default")

    def named(self, text: str) -> OnnxPredictor:
        """Load ``NAME-VERSION``, or ``NAME`` of which there is one version.

        Raises
        ------
        ModelError
            If there is none or more than one, and as `load`.
        """
        full_names = {f"{entry.name}-{entry.version}": entry for entry in self.entries}
        found = [name for name, entry in full_names.items() if text in (entry.name, name)]
        if len(found) == 1:
            return self._once(full_names[found[0]])
        if found:
            raise ModelError(f"there are several models {text}: name one of {', '.join(found)}")
        raise ModelError(
            f"model {text} is not in {self._folder}: known are {', '.join(full_names) or 'none'}"
        )

    def _has_news(self) -> bool:
        known = {(entry.name, entry.version) for entry in self.entries}
        news = tuple(
            msgspec.structs.replace(entry, default=False)
            for entry in read_manifest(self._folder).models
            if (entry.name, entry.version) not in known
        )
        self.entries += news
        return bool(news)

    def _once(self, entry: Entry) -> OnnxPredictor:
        if entry not in self._loaded:
            self._loaded[entry] = self._load(entry)
        return self._loaded[entry]

    def _checked(self, file: str, sha256: str) -> bytes:
        path = self._folder / file
        try:
            artifact = path.read_bytes()
        except OSError as error:
            raise ModelError(
                f"model file {path} cannot be read ({error.strerror}): install Heartward again"
            ) from None
        if hashlib.sha256(artifact).hexdigest() != sha256:
            raise ModelError(
                f"model file {path} does not match its checksum in {MANIFEST}: "
                "it was altered or cut short, install it again"
            )
        return artifact

    def _load(self, entry: Entry) -> OnnxPredictor:
        # ONNX Runtime takes long to load, and who only checks needs none of it.
        from models.predictor import OnnxPredictor  # noqa: PLC0415

        artifact = self._checked(entry.file, entry.sha256)
        predictor = OnnxPredictor.of_file(self._folder / entry.file, artifact)
        contract = predictor.contract
        found = (contract.name, contract.version, contract.task)
        if found != (entry.name, entry.version, entry.task):
            raise ModelError(
                f"model file {self._folder / entry.file} calls itself {' '.join(found)}, "
                f"{MANIFEST} calls it {entry.name} {entry.version} {entry.task}"
            )
        if entry.labels and entry.labels != contract.labels:
            raise ModelError(
                f"model file {self._folder / entry.file} answers in the order "
                f"{', '.join(contract.labels)}, {MANIFEST} says {', '.join(entry.labels)}: "
                "one of them is of another version, install both again"
            )
        return predictor


def read_manifest(folder: Path) -> Manifest:
    """Read ``manifest.json``; raises `ModelError`."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}): name the folder of the models, or install "
            "Heartward again"
        ) from None
    except msgspec.DecodeError as error:
        raise ModelError(f"{path} is not a manifest of models: {error}") from None
    listed = Counter(f"{entry.name} {entry.version}" for entry in manifest.models)
    for model, times in listed.items():
        if times > 1:  # which of them would run?
            raise ModelError(f"{path} lists {model} {times} times: leave one")
    return manifest


def finding_labels(folder: Path = ARTIFACTS) -> dict[str, tuple[str, ...]]:
    """What each listed model can find, all its versions together; raises `ModelError`.

    Of a model whose manifest does not list its labels it is nothing.
    """
    labels: dict[str, tuple[str, ...]] = {}
    for entry in read_manifest(folder).models:
        if entry.task not in _NO_FINDINGS:
            others = labels.get(entry.name, entry.labels)
            is_whole = others and entry.labels
            labels[entry.name] = (*dict.fromkeys((*others, *entry.labels)),) if is_whole else ()
    return labels
