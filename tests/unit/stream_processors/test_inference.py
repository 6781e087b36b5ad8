import numpy as np
import pytest

from ingest.sounds import synthetic, with_noise
from models.predictor import SEGMENT
from models.registry import Registry
from stream_processors.inference import finish, judge
from stream_processors.partition import Partition
from stream_processors.running_models import RunningModel, RunningModels
from stream_processors.windows import Window
from tests.unit.stream_processors.logs import Sent, log_of


@pytest.fixture(scope="module")
def models() -> tuple[RunningModel, ...]:
    return RunningModels(Registry(), heart=True).current


def windows_of(seed: int, *, rates: tuple[int, ...] = (2000, 4000, 8000)) -> list[Window]:
    """Noisy sound of some devices, cut anew: no block is finished."""
    noise = np.random.default_rng(seed)
    chunks = [
        Sent(
            f"at-{rate}",
            second * rate,
            noise.normal(0, 900, rate).astype(np.int16),
            second + 1,
            sample_rate_hz=rate,
        )
        for second in range(11)
        for rate in rates
    ]
    partition = Partition("pcg.audio", 0, history=False)
    return [window for record in log_of(chunks) for window in partition.step(record)]


def test_a_block_is_filtered_once_for_both_of_its_windows() -> None:
    first, second, *_ = windows_of(1, rates=(2000,))
    finish([first.earlier, first.later])
    filtered = first.later.filtered
    finish([second.earlier, second.later])

    assert second.earlier.filtered is filtered
    assert second.later.finished


def test_a_judgement_does_not_depend_on_its_company(models: tuple[RunningModel, ...]) -> None:
    together = judge(windows_of(2), models)
    alone = [judge([window], models)[0] for window in windows_of(2)]

    assert [j.quality for j in together] == [j.quality for j in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.findings[0].label == other.findings[0].label
        assert list(one.findings[0].probabilities.values()) == pytest.approx(
            list(other.findings[0].probabilities.values()), abs=1e-6
        )


def test_blocks_come_out_the_same_bit_for_bit_in_any_company() -> None:
    together, alone = windows_of(3), windows_of(3)
    finish(window.earlier for window in together)
    for window in alone:
        finish([window.earlier])

    for one, other in zip(together, alone, strict=True):
        assert one.earlier.filtered.tobytes() == other.earlier.filtered.tobytes()


def test_every_model_speaks_and_says_which_it_is(models: tuple[RunningModel, ...]) -> None:
    running = (*models, RunningModel(models[0].predictor, shadow=True))
    window = windows_of(4)[0]
    active, shadow = judge([window], running)[0].findings

    assert (active.shadow, shadow.shadow) == (False, True)
    assert active.model == shadow.model == models[0].predictor.contract.name
    assert active.probability == max(active.probabilities.values())
    assert active.probabilities[active.label] == active.probability


def test_a_model_abstains_from_sound_that_is_not_good(models: tuple[RunningModel, ...]) -> None:
    silence = [Sent("a", n * 2000, np.zeros(2000, np.int16), n) for n in range(6)]
    partition = Partition("pcg.audio", 0, history=False)
    (window,) = [window for record in log_of(silence) for window in partition.step(record)]
    judgement = judge([window], models)[0]

    assert judgement.quality.verdict == "unusable"
    assert all(finding.abstained for finding in judgement.findings)


def test_without_models_there_is_still_a_quality() -> None:
    judgement = judge(windows_of(5)[:1], ())[0]
    assert judgement.findings == ()
    assert judgement.quality.verdict in ("good", "poor", "unusable")


def heart_windows(rate_bpm: float) -> list[Window]:
    """A synthetic heart in a little noise, as a device sends it."""
    clean = synthetic(2000, rate_bpm=rate_bpm, duration_s=12)
    beats = with_noise(clean, 25, np.random.default_rng(1)).samples
    chunks = [Sent("h", n * 2000, beats[n * 2000 : (n + 1) * 2000], n + 1) for n in range(11)]
    partition = Partition("pcg.audio", 0, history=False)
    return [window for record in log_of(chunks) for window in partition.step(record)]


@pytest.mark.parametrize("rate_bpm", [50, 72, 95, 120])
def test_the_rate_and_the_beats_of_a_heart_are_told(
    rate_bpm: float, models: tuple[RunningModel, ...]
) -> None:
    for judgement in judge(heart_windows(rate_bpm), models):
        assert judgement.heart is not None
        assert judgement.heart.rate_bpm == pytest.approx(rate_bpm, abs=3)
        assert abs(len(judgement.heart.s1_s) - 5 * rate_bpm / 60) <= 1.5


def test_the_heart_does_not_depend_on_its_company(models: tuple[RunningModel, ...]) -> None:
    company = [*windows_of(2), *heart_windows(72)]
    alone = [judge([window], models)[0].heart for window in heart_windows(72)]
    assert [j.heart for j in judge(company, models)][-len(alone) :] == alone


def test_a_model_of_hearts_is_no_classifier_and_tells_nothing_in_shadow(
    models: tuple[RunningModel, ...],
) -> None:
    window = heart_windows(72)[0]
    of_hearts = [model for model in models if model.predictor.contract.task == SEGMENT]
    assert [finding.model for finding in judge([window], models)[0].findings] == ["screen"]
    shadow = [RunningModel(model.predictor, shadow=True) for model in of_hearts]
    assert judge([window], shadow)[0].heart is None
    assert judge([window], ())[0].heart is None


def test_silence_has_no_heart(models: tuple[RunningModel, ...]) -> None:
    silence = [Sent("a", n * 2000, np.zeros(2000, np.int16), n) for n in range(6)]
    partition = Partition("pcg.audio", 0, history=False)
    windows = [window for record in log_of(silence) for window in partition.step(record)]
    assert [judgement.heart for judgement in judge(windows, models)] == [None] * len(windows)
