from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from dashboards.pictures.recording import Panels, draw
from models.classify import RecordingResult, classify
from models.predictor import OnnxPredictor, Predictor
from models.registry import Registry
from tests.unit.models import tiny
from tests.unit.models.test_classify import heart

GREY = to_rgba("#D2D2D2")


@pytest.fixture(scope="module")
def models() -> Sequence[Predictor]:
    short = msgspec.structs.replace(
        tiny.CONTRACT, name="short", sample_rate_hz=1000, window_s=2.0, hop_s=1.0
    )
    return [*Registry().defaults(), OnnxPredictor(tiny.artifact(short))]


def drawn(
    sound: npt.NDArray[np.int16], models: Sequence[Predictor], rate_hz: int = 2000
) -> tuple[Panels, RecordingResult]:
    result = classify(sound, rate_hz, models, name="a.wav")
    panels = draw(sound, rate_hz, result, title="a$b$.wav")
    panels.figure.canvas.draw()
    return panels, result


def grey(axes: Axes) -> list[tuple[float, float]]:
    """From when to when a panel is grey."""
    spans = [
        (patch.get_x(), patch.get_x() + patch.get_width())
        for patch in axes.patches
        if isinstance(patch, Rectangle) and patch.get_facecolor() == GREY
    ]
    return sorted(spans)


def words(panels: Panels) -> str:
    found = [text.get_text() for axes in panels.figure.axes for text in axes.texts]
    for axes in panels.figure.axes:
        if (legend := axes.get_legend()) is not None:
            found += [legend.get_title().get_text()]
            found += [text.get_text() for text in legend.get_texts()]
    return " ".join(" ".join(found).split())


def test_every_panel_shows_the_same_time(models: Sequence[Predictor]) -> None:
    panels, result = drawn(heart(12.0, 4000), models, 4000)
    assert len(panels.models) == len(result.summary) == 2
    assert {axes.get_xlim() for axes in panels.timed} == {(0.0, 12.0)}
    lefts = {round(axes.get_position().x0, 6) for axes in panels.timed}
    rights = {round(axes.get_position().x1, 6) for axes in panels.timed}
    assert len(lefts) == len(rights) == 1


def test_each_windows_probability_is_drawn_around_its_middle(models: Sequence[Predictor]) -> None:
    panels, result = drawn(heart(12.0, 2000), models)
    said = [window.opinions[0].probabilities["normal"] for window in result.windows[:3]]
    lines = panels.models[0].collections[0]
    segments = [path.vertices.tolist() for path in lines.get_paths()]  # type: ignore[union-attr]
    assert [segment[0][1] for segment in segments] == pytest.approx(said)
    assert [(segment[0][0], segment[1][0]) for segment in segments] == [
        (0.0, 3.75),
        (3.75, 6.25),
        (6.25, 10.0),
    ]


def test_unusable_windows_are_grey_and_the_reason_is_said(models: Sequence[Predictor]) -> None:
    sound = heart(20.0, 2000)
    sound[10_000:22_000] = 0
    panels, result = drawn(sound, models)
    assert "unusable" in {window.verdict for window in result.quality.windows}
    assert grey(panels.waveform) == [(3.75, 6.25), (6.25, 8.75), (8.75, 11.25)]
    assert grey(panels.models[1]) == grey(panels.waveform)
    assert f"{result.quality.usable_windows} of 7 windows usable" in words(panels)
    assert "no signal for" in words(panels)


def test_each_sound_of_the_heart_is_marked_over_the_waveform_and_the_rate_is_said(
    models: Sequence[Predictor],
) -> None:
    panels, result = drawn(heart(12.0, 2000), models)
    assert result.heart is not None
    marked = {
        line.get_label(): tuple(np.asarray(line.get_xdata()).tolist())
        for line in panels.waveform.lines
    }
    assert marked["S1"] == result.heart.s1_s
    assert marked["S2"] == result.heart.s2_s
    told = f"{result.heart.rate_bpm:.0f} bpm, confidence {result.heart.confidence:.2f}"
    assert told in words(panels)


def test_where_no_heart_is_heard_none_is_marked(models: Sequence[Predictor]) -> None:
    panels, result = drawn(np.zeros(30_000, np.int16), models)
    assert result.heart is None
    assert "bpm" not in words(panels)


def test_the_finding_stands_beside_its_model_and_none_is_bold_without_a_usable_window(
    models: Sequence[Predictor],
) -> None:
    panels, result = drawn(np.zeros(600, np.int16), models)
    summary = result.summary[0]
    share = f"{summary.probabilities[summary.label]:.0%}"
    assert f"screen {summary.version}" in words(panels)
    assert f"{summary.label} {share}" in words(panels)
    legends = [legend for axes in panels.figure.axes if (legend := axes.get_legend()) is not None]
    assert {text.get_fontweight() for each in legends for text in each.get_texts()} == {"normal"}


def test_it_says_what_it_is_not(models: Sequence[Predictor]) -> None:
    panels, _ = drawn(heart(6.0, 2000), models)
    assert panels.figure.get_supxlabel() == "Research software, not a medical device."
    assert panels.figure.get_suptitle() == "a$b$.wav   6.0 s"
