import pytest

from training.architectures.registry import NAMES
from training.evaluation.literature import literature
from training.front_end_config import KINDS
from training.splits import PROTOCOLS


def test_every_result_is_of_a_known_work_net_front_end_and_split() -> None:
    letters = {work.letter for work in literature().work}
    splits = {protocol.name: protocol.data_set for protocol in PROTOCOLS}
    assert letters == set("ABCDE")
    for result in literature().result:
        assert result.work in letters
        assert result.architecture in NAMES
        assert result.front_end in KINDS
        assert splits[result.protocol] == result.data_set


def test_the_works_own_splits_are_named_as_leaking() -> None:
    assert all(result.leaks for result in literature().result)


def test_shares_are_shares_and_not_per_cent() -> None:
    for result in literature().result:
        for name in ("accuracy", "uar", "sensitivity", "specificity", "f1", "macro_f1"):
            figure = result.figure(name)
            assert figure is None or 0 < figure.value <= 1


@pytest.mark.parametrize(
    ("model", "front_end", "said"),
    [
        ("PANNs CNN14", "log-mel", "0.897 ± 0.015"),
        ("MobileNet V2", "log-mel", "0.861 ± 0.022"),
        ("ResNeXt-101+WSL", "spectrogram", "0.599 ± 0.092"),
    ],
)
def test_figures_are_as_printed(model: str, front_end: str, said: str) -> None:
    (found,) = (
        result
        for result in literature().result
        if (result.model, result.front_end) == (model, front_end)
    )
    assert str(found.uar) == said


def test_a_range_is_shown_as_one() -> None:
    (found,) = (result for result in literature().result if result.work == "B")
    assert str(found.accuracy) == "0.85 to 0.88"
    assert found.accuracy is not None
    assert found.accuracy.middle == pytest.approx(0.865)
