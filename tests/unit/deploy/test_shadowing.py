"""Pairs out of files and out of recorded results, and what is said of them."""

from pathlib import Path

import msgspec
import pytest

from deploy.shadowing import of_files, of_results, references, show_files, two_models
from ingest.sounds import PACKAGED
from models.classify import classify_file
from models.errors import UserError
from models.predictor import OnnxPredictor
from models.registry import Registry
from models.shadow import Shadow
from stream_processors.records import Finding, WindowResult
from tests.results import window_result
from tests.unit.models import tiny

FILE = PACKAGED / "e00152.flac"  # of 11.7 s: 3 windows


def candidate(**changes: object) -> OnnxPredictor:
    contract = msgspec.structs.replace(tiny.CONTRACT, name="screen", version="9.0.0", **changes)
    return OnnxPredictor(tiny.artifact(contract))


def finding(model: str, version: str, abnormal: float, *, shadow: bool = False) -> Finding:
    probabilities = {"normal": 1 - abnormal, "abnormal": abnormal}
    label = max(probabilities, key=lambda name: probabilities[name])
    return Finding(
        model=model,
        version=version,
        label=label,
        probability=probabilities[label],
        probabilities=probabilities,
        shadow=shadow,
    )


def window(index: int, *findings: Finding) -> WindowResult:
    return window_result("bed-1", index, findings=findings)


def test_files_give_every_window_that_both_heard(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    in_service = Registry().named("screen")
    pairs, refusals = of_files([FILE, tmp_path], in_service, candidate())
    ((names, own),) = pairs.items()
    assert names == (f"screen {in_service.contract.version}", "screen 9.0.0")
    expected = classify_file(FILE, [in_service, candidate()]).windows
    assert [it.in_service for it in own] == [it.opinions[0].probabilities for it in expected]
    assert [it.candidate for it in own] == [it.opinions[1].probabilities for it in expected]
    assert [it.place for it in own] == [f"e00152.flac at {s:g} s" for s in (0, 2.5, 5)]
    assert {it.candidate_distance for it in own} == {None}
    assert len(refusals) == 1
    assert "bad.wav cannot be read" in refusals[0]


def test_models_of_other_windows_cannot_be_held_against_each_other() -> None:
    short = candidate(sample_rate_hz=1000, window_s=2.0, hop_s=1.0)
    with pytest.raises(UserError, match="cut sound into other windows"):
        of_files([FILE], Registry().named("screen"), short)


def test_results_pair_a_shadow_with_the_active_model_of_its_name_or_else_of_its_labels() -> None:
    pairs = of_results(
        [
            window(0, finding("screen", "1", 0.2), finding("screen", "2", 0.7, shadow=True)),
            window(1, finding("screen", "1", 0.3), finding("other", "5", 0.6, shadow=True)),
            window(2, finding("screen", "1", 0.4)),
            window(3, finding("screen", "2", 0.9, shadow=True)),
        ]
    )
    assert {names: len(own) for names, own in pairs.items()} == {
        ("screen 1", "screen 2"): 1,
        ("screen 1", "other 5"): 1,
    }
    (first,) = pairs["screen 1", "screen 2"]
    assert (first.in_service["abnormal"], first.candidate["abnormal"]) == (0.2, 0.7)
    assert first.source == "bed-1"


def test_the_distances_from_what_each_model_knows_go_with_the_pair() -> None:
    contract = msgspec.structs.replace(tiny.CONTRACT, name="screen", version="9.0.0")
    telling = OnnxPredictor(tiny.artifact(contract, tells_distance=True))
    (own,) = of_files([FILE], telling, candidate())[0].values()
    expected = classify_file(FILE, [telling]).windows
    assert [it.in_service_distance for it in own] == [
        it.opinions[0].embedding_distance for it in expected
    ]
    active, shadow = finding("screen", "1", 0.2), finding("screen", "2", 0.7, shadow=True)
    far = msgspec.structs.replace(shadow, embedding_distance=3.0)
    ((pair,),) = of_results([window(0, active, far)]).values()
    assert (pair.in_service_distance, pair.candidate_distance) == (None, 3.0)


def test_a_window_that_was_published_twice_counts_once_as_it_was_last() -> None:
    early = window(0, finding("screen", "1", 0.2), finding("screen", "2", 0.7, shadow=True))
    fuller = window(0, finding("screen", "1", 0.5), finding("screen", "2", 0.5, shadow=True))
    (own,) = of_results([early, fuller]).values()
    assert [pair.in_service["abnormal"] for pair in own] == [0.5]


def test_what_is_said_as_json_is_the_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    in_service = Registry().named("screen")
    assert show_files([FILE], in_service, candidate(), as_json=True) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=Shadow)
    assert (found.candidate, found.windows, found.sources) == ("screen 9.0.0", 3, 1)
    assert "abnormal_probability" in found.drifts[found.in_service]
    assert show_files([FILE], in_service, candidate(), as_json=False) == 0
    shown = capsys.readouterr().out
    assert "screen 9.0.0 beside screen" in shown
    assert "McNemar p" in shown


def test_where_nothing_can_be_compared_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="heartward models choose"):
        show_files([tmp_path / "gone.wav"], Registry().named("screen"), candidate(), as_json=True)


def test_a_candidate_is_named_by_its_folder_and_held_against_its_sibling(tmp_path: Path) -> None:
    contract = msgspec.structs.replace(tiny.CONTRACT, name="screen", version="9.0.0")
    tiny.put_into(tmp_path, contract, default=False)
    theirs, ours = two_models(Registry(), None, str(tmp_path))
    assert ours.contract.version == "9.0.0"
    assert theirs.contract == Registry().named("screen").contract
    strange = msgspec.structs.replace(contract, name="strange")
    tiny.put_into(tmp_path, strange, default=False)
    with pytest.raises(UserError, match="no model strange is in service"):
        two_models(Registry(), None, str(tmp_path))
    with pytest.raises(UserError, match="--candidate names"):
        two_models(Registry(), None, None)


def test_reference_distributions_are_those_of_installed_models() -> None:
    contract = Registry().named("screen").contract
    name = f"screen {contract.version}"
    assert references(Registry(), [name, "gone 1.0.0"]) == {name: contract.reference}
