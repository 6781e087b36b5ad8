import msgspec
import pytest

from models.contract import (
    PIPELINE_FILTER,
    PIPELINE_GRID,
    SAMPLE_RATES_HZ,
    FilterSpec,
    Grid,
    ModelContract,
    Scaling,
)
from models.errors import ModelError, SignalError
from tests.unit.models.tiny import CONTRACT


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ)
def test_the_grid_is_whole_samples_at_every_rate_of_the_wire(rate_hz: int) -> None:
    grid = PIPELINE_GRID.at(rate_hz)
    assert grid.window_samples == 5 * rate_hz
    assert 2 * grid.hop_samples == 5 * rate_hz
    assert 2 * grid.preroll_samples == rate_hz


def test_a_rate_that_cuts_samples_is_refused_with_its_value() -> None:
    with pytest.raises(SignalError, match="not a whole number of samples at 2205 Hz"):
        PIPELINE_GRID.at(2205)


@pytest.mark.parametrize("rate_hz", [0, -2000])
def test_a_rate_that_is_no_rate_is_refused(rate_hz: int) -> None:
    with pytest.raises(SignalError):
        PIPELINE_GRID.at(rate_hz)


def test_a_window_that_is_not_two_hops_is_refused() -> None:
    with pytest.raises(SignalError, match="not two hops"):
        Grid(sample_rate_hz=2000, window_s=5.0, hop_s=2.0, preroll_s=0.5)


def test_a_contract_survives_the_trip_through_metadata() -> None:
    assert ModelContract.from_metadata(CONTRACT.to_metadata()) == CONTRACT


def test_metadata_are_strings_that_a_person_can_read() -> None:
    metadata = CONTRACT.to_metadata()
    assert metadata["name"] == "tiny"
    assert metadata["labels"] == '["normal","abnormal"]'
    assert metadata["sample_rate_hz"] == "2000"


def test_metadata_of_others_are_left_alone() -> None:
    assert ModelContract.from_metadata({**CONTRACT.to_metadata(), "author": "x"}) == CONTRACT


@pytest.mark.parametrize("field", [field.name for field in msgspec.structs.fields(ModelContract)])
def test_a_missing_field_is_named(field: str) -> None:
    metadata = CONTRACT.to_metadata()
    del metadata[field]
    with pytest.raises(ModelError, match=f"lack '{field}'"):
        ModelContract.from_metadata(metadata)


def test_a_field_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="metadata sample_rate_hz are not readable"):
        ModelContract.from_metadata({**CONTRACT.to_metadata(), "sample_rate_hz": '"fast"'})


def test_a_contract_of_another_version_is_refused() -> None:
    with pytest.raises(ModelError, match="contract version 2, this program reads 1"):
        ModelContract.from_metadata({**CONTRACT.to_metadata(), "contract": "2"})


def test_a_contract_for_the_pipelines_windows_fits() -> None:
    CONTRACT.require_fit(PIPELINE_GRID, PIPELINE_FILTER)


@pytest.mark.parametrize(
    "change",
    [
        {"sample_rate_hz": 1000, "window_s": 2.0},
        {"hop_s": 1.0},
        {"filter": FilterSpec(kind="none")},
    ],
)
def test_another_contract_is_refused_in_one_sentence_that_names_both_sides(
    change: dict[str, object],
) -> None:
    other = msgspec.structs.replace(CONTRACT, **change)
    with pytest.raises(ModelError, match=r"tiny 1.0.0 wants .*, the pipeline gives") as refusal:
        other.require_fit(PIPELINE_GRID, PIPELINE_FILTER)
    assert "\n" not in str(refusal.value)


def test_a_contract_that_the_pipeline_refuses_says_how_to_run_it() -> None:
    other = msgspec.structs.replace(CONTRACT, window_s=2.0, hop_s=1.0)
    with pytest.raises(ModelError, match=r"`heartward classify --model tiny-1\.0\.0`"):
        other.require_fit(PIPELINE_GRID, PIPELINE_FILTER)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"labels": ()}, "it has no labels"),
        ({"labels": ("normal", "normal")}, "its labels 'normal', 'normal' are not told apart"),
        ({"labels": ("normal", "")}, "its labels 'normal', '' are not told apart"),
        ({"sample_rate_hz": 0}, "a rate of 0 Hz is not 1 to 48000"),
        ({"sample_rate_hz": 96000}, "a rate of 96000 Hz is not 1 to 48000"),
        ({"window_s": 0.05}, "a window of 0.05 s is not 0.1 to 600 s"),
        ({"window_s": 1e12}, "a window of 1e+12 s is not 0.1 to 600 s"),
        ({"window_s": 2.00025}, "2.00025 s is not a whole number of samples at 2000 Hz"),
        ({"hop_s": 0.0}, "0 s is not a whole number of samples at 2000 Hz"),
        ({"hop_s": -1.0}, "-1 s is not a whole number of samples at 2000 Hz"),
        ({"sample_rate_hz": 800}, "band-pass 25-400 Hz of order 5 cannot be made at 800 Hz"),
        ({"filter": FilterSpec(kind="bandpass")}, "band-pass 0-0 Hz of order 0 cannot be made"),
        (
            {"filter": msgspec.structs.replace(PIPELINE_FILTER, order=1000)},
            "band-pass 25-400 Hz of order 1000 cannot be made at 2000 Hz",
        ),
        ({"scaling": Scaling(kind="rms", target=0.0)}, "a target of 0, which is not above 0"),
        ({"scaling": Scaling(kind="none", clip=-1.0)}, "a clip of -1, which is not above 0"),
    ],
    ids=str,
)
def test_a_contract_that_no_sound_can_keep_is_refused_with_its_value(
    change: dict[str, object], fault: str
) -> None:
    with pytest.raises(ModelError, match=r"model tiny 1\.0\.0 cannot be used: ") as refusal:
        msgspec.structs.replace(CONTRACT, **change)
    assert fault in str(refusal.value)


def test_samples_are_whole_though_their_product_is_rounded() -> None:
    assert 0.29 * 100 != 29
    contract = msgspec.structs.replace(
        CONTRACT, sample_rate_hz=100, window_s=0.29, filter=FilterSpec(kind="none")
    )
    assert contract.window_samples == 29


def test_contracts_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        CONTRACT.name = "other"  # type: ignore[misc]
