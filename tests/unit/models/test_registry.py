import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from models.contract import PIPELINE_FILTER, PIPELINE_GRID
from models.errors import ModelError
from models.registry import ARTIFACTS, MANIFEST, Entry, Manifest, Registry, finding_labels
from tests.unit.models.tiny import CONTRACT, artifact

MODEL = artifact()
ENTRY = Entry(
    name="tiny",
    version="1.0.0",
    task="screen",
    file="tiny.onnx",
    sha256=sha256(MODEL).hexdigest(),
    card="tiny.md",
    default=True,
)


def folder_of(path: Path, *entries: Entry, model: bytes = MODEL) -> Path:
    (path / "tiny.onnx").write_bytes(model)
    (path / MANIFEST).write_bytes(msgspec.json.encode(Manifest(models=entries)))
    return path


def refusal(registry: Registry) -> str:
    with pytest.raises(ModelError) as refused:
        registry.load("tiny", "1.0.0")
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_listed_model_loads_with_its_contract(tmp_path: Path) -> None:
    registry = Registry(folder_of(tmp_path, ENTRY))
    assert registry.entries == (ENTRY,)
    assert registry.load("tiny", "1.0.0").contract == CONTRACT


def test_two_models_of_one_name_and_version_are_refused(tmp_path: Path) -> None:
    other = msgspec.structs.replace(ENTRY, file="other.onnx", default=False)
    with pytest.raises(ModelError, match=r"manifest\.json lists tiny 1\.0\.0 2 times: leave one"):
        Registry(folder_of(tmp_path, ENTRY, other))


def test_a_model_is_loaded_once(tmp_path: Path) -> None:
    registry = Registry(folder_of(tmp_path, ENTRY))
    assert registry.load("tiny", "1.0.0") is registry.defaults()[0]


def test_only_default_models_run_unasked(tmp_path: Path) -> None:
    other = msgspec.structs.replace(ENTRY, version="2.0.0", default=False)
    assert len(Registry(folder_of(tmp_path, ENTRY, other)).defaults()) == 1


def test_installed_are_the_defaults_and_names_without_one_but_no_candidates(
    tmp_path: Path,
) -> None:
    candidate = msgspec.structs.replace(ENTRY, version="2.0.0", default=False)
    contract = msgspec.structs.replace(CONTRACT, name="alone")
    alone = artifact(contract)
    (tmp_path / "alone.onnx").write_bytes(alone)
    unasked = msgspec.structs.replace(
        candidate,
        name="alone",
        version="1.0.0",
        file="alone.onnx",
        sha256=sha256(alone).hexdigest(),
    )
    registry = Registry(folder_of(tmp_path, ENTRY, candidate, unasked))
    found = [f"{m.contract.name} {m.contract.version}" for m in registry.installed()]
    assert found == ["tiny 1.0.0", "alone 1.0.0"]


def test_a_model_that_is_installed_later_is_found_and_the_defaults_stay(tmp_path: Path) -> None:
    registry = Registry(folder_of(tmp_path, ENTRY))
    contract = msgspec.structs.replace(CONTRACT, version="2.0.0")
    model = artifact(contract)
    (tmp_path / "second.onnx").write_bytes(model)
    second = msgspec.structs.replace(
        ENTRY, version="2.0.0", file="second.onnx", sha256=sha256(model).hexdigest()
    )
    folder_of(tmp_path, msgspec.structs.replace(ENTRY, default=False), second)
    with pytest.raises(ModelError, match=r"known are tiny 1\.0\.0, tiny 2\.0\.0"):
        registry.load("tiny", "3.0.0")
    assert registry.load("tiny", "2.0.0").contract == contract
    assert [model.contract.version for model in registry.defaults()] == ["1.0.0"]


def test_an_empty_folder_of_models_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model in"):
        Registry(folder_of(tmp_path)).installed()


def test_no_default_model_is_an_error(tmp_path: Path) -> None:
    entry = msgspec.structs.replace(ENTRY, default=False)
    with pytest.raises(ModelError, match=r"no model in .* is marked as default"):
        Registry(folder_of(tmp_path, entry)).defaults()


def test_an_unknown_model_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    registry = Registry(folder_of(tmp_path, ENTRY))
    with pytest.raises(ModelError, match=r"model tiny 9 is not in .*: known are tiny 1\.0\.0"):
        registry.load("tiny", "9")


def test_a_model_is_called_by_its_name_or_with_its_version(tmp_path: Path) -> None:
    registry = Registry(folder_of(tmp_path, ENTRY))
    assert registry.named("tiny") is registry.named("tiny-1.0.0")


def test_a_name_of_several_models_is_refused_with_their_versions(tmp_path: Path) -> None:
    other = msgspec.structs.replace(ENTRY, version="2.0.0")
    registry = Registry(folder_of(tmp_path, ENTRY, other))
    with pytest.raises(ModelError, match=r"several models tiny: name one of .*1\.0\.0, tiny-2\.0"):
        registry.named("tiny")
    assert registry.named("tiny-1.0.0").contract == CONTRACT


def test_a_name_of_no_model_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model tin is not in .*: known are tiny-1\.0\.0"):
        Registry(folder_of(tmp_path, ENTRY)).named("tin")


def test_an_altered_model_is_refused(tmp_path: Path) -> None:
    altered = MODEL[:-1] + bytes([MODEL[-1] ^ 1])
    assert "does not match its checksum" in refusal(
        Registry(folder_of(tmp_path, ENTRY, model=altered))
    )


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    registry = Registry(folder_of(tmp_path, ENTRY))
    (tmp_path / "tiny.onnx").unlink()
    assert "cannot be read (No such file or directory)" in refusal(registry)


@pytest.mark.parametrize("change", [{"name": "other"}, {"version": "2"}, {"task": "valve"}])
def test_a_model_that_calls_itself_otherwise_is_refused(
    tmp_path: Path, change: dict[str, str]
) -> None:
    model = artifact(msgspec.structs.replace(CONTRACT, **change))
    entry = msgspec.structs.replace(ENTRY, sha256=sha256(model).hexdigest())
    assert "calls itself" in refusal(Registry(folder_of(tmp_path, entry, model=model)))


def test_a_model_that_answers_in_another_order_than_listed_is_refused(tmp_path: Path) -> None:
    model = artifact(msgspec.structs.replace(CONTRACT, labels=("abnormal", "normal")))
    entry = msgspec.structs.replace(
        ENTRY, sha256=sha256(model).hexdigest(), labels=("normal", "abnormal")
    )
    registry = Registry(folder_of(tmp_path, entry, model=model))
    assert "answers in the order abnormal, normal, manifest.json says normal, abnormal" in refusal(
        registry
    )


def test_a_model_cut_short_is_refused(tmp_path: Path) -> None:
    registry = Registry(folder_of(tmp_path, ENTRY, model=MODEL[: len(MODEL) // 2]))
    assert "altered or cut short" in refusal(registry)


def test_a_model_cut_short_before_it_was_listed_is_refused(tmp_path: Path) -> None:
    cut = MODEL[: len(MODEL) // 2]
    entry = msgspec.structs.replace(ENTRY, sha256=sha256(cut).hexdigest())
    said = refusal(Registry(folder_of(tmp_path, entry, model=cut)))
    assert "not readable ONNX" in said
    assert str(tmp_path / entry.file) in said


def test_a_model_with_another_input_is_refused(tmp_path: Path) -> None:
    model = MODEL.replace(b"waveform", b"waveFORM")
    entry = msgspec.structs.replace(ENTRY, sha256=sha256(model).hexdigest())
    said = refusal(Registry(folder_of(tmp_path, entry, model=model)))
    assert "takes and gives waveFORM, probabilities, and not waveform and probabilities" in said
    assert str(tmp_path / entry.file) in said


def test_a_model_of_another_rate_is_refused_for_the_pipeline(tmp_path: Path) -> None:
    model = artifact(msgspec.structs.replace(CONTRACT, sample_rate_hz=1000))
    entry = msgspec.structs.replace(ENTRY, sha256=sha256(model).hexdigest())
    registry = Registry(folder_of(tmp_path, entry, model=model))
    contract = registry.load("tiny", "1.0.0").contract
    with pytest.raises(
        ModelError, match=r"5 s every 2\.5 s at 1000 Hz .* the pipeline gives"
    ) as no:
        contract.require_fit(PIPELINE_GRID, PIPELINE_FILTER)
    assert "\n" not in str(no.value)


def test_an_altered_mobile_file_is_refused(tmp_path: Path) -> None:
    entry = msgspec.structs.replace(
        ENTRY, mobile="tiny.ort", mobile_sha256=sha256(b"mobile").hexdigest()
    )
    folder = folder_of(tmp_path, entry)
    (folder / "tiny.ort").write_bytes(b"mobile")
    Registry(folder).check()
    (folder / "tiny.ort").write_bytes(b"Mobile")
    with pytest.raises(ModelError, match=r"tiny\.ort does not match its checksum"):
        Registry(folder).check()


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"manifest\.json cannot be read"):
        Registry(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"models": [{"name": 1}]}', '{"model": []}'])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(ModelError, match="is not a manifest of models"):
        Registry(tmp_path)


def test_every_shipped_model_loads_fits_the_pipeline_and_has_its_card() -> None:
    registry = Registry()
    assert registry.defaults()
    for entry in registry.entries:
        model = registry.load(entry.name, entry.version)
        model.contract.require_fit(PIPELINE_GRID, PIPELINE_FILTER)
        assert model.contract.metrics
        assert model.contract.reference
        assert entry.labels == model.contract.labels
        assert entry.version in (ARTIFACTS / entry.card).read_text()


def test_files_are_checked_without_loading_the_runtime(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ENTRY)
    code = (
        "import sys; from pathlib import Path; from models.registry import Registry; "
        "Registry(Path(sys.argv[1])).check(); assert 'onnxruntime' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, folder], check=True, timeout=60)
    (folder / "tiny.onnx").write_bytes(MODEL + b"x")
    with pytest.raises(ModelError, match="does not match its checksum"):
        Registry(folder).check()


def test_labels_that_can_be_found_are_told_by_model_and_those_of_the_heart_sounds_are_not() -> None:
    labels = finding_labels()
    assert labels["screen"] == ("normal", "abnormal")
    assert "AS" in labels["valve"]
    assert "segment" not in labels


def test_labels_of_all_versions_of_a_model_are_told_unless_one_lists_none(tmp_path: Path) -> None:
    def listed(*labels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        entries = [
            Entry(name="a", version=str(n), task="t", file="f", sha256="0", card="c", labels=each)
            for n, each in enumerate(labels)
        ]
        (tmp_path / MANIFEST).write_bytes(msgspec.json.encode({"models": entries}))
        return finding_labels(tmp_path)

    assert listed(("x", "y"), ("y", "z")) == {"a": ("x", "y", "z")}
    assert listed(("x",), (), ("y",)) == {"a": ()}
