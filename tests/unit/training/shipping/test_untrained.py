"""A net's cost before anybody has trained it is that of the trained one."""

from pathlib import Path

import pytest
import torch

from tests.unit.training import two_tones
from training.architectures.registry import Classifier
from training.engine import promised, recipe_files
from training.engine.recipe import Recipe
from training.evaluation import collected, operations
from training.export import export
from training.shipping import untrained


def of_any_weights(told: Recipe) -> Classifier:
    """As a training leaves them: no two alike."""
    net = told.build().eval()
    with torch.no_grad():
        for weights in net.parameters():
            if weights.requires_grad:
                weights.normal_()
    return net


def test_a_recipes_net_is_measured_and_the_report_finds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = two_tones.recipe(tmp_path)
    (tmp_path / "tones.toml").write_text(recipe_files.to_toml(told))
    own = untrained.cost_of
    monkeypatch.setattr(untrained, "cost_of", lambda recipe: own(recipe, seconds=0.05))
    untrained.main([str(tmp_path / "tones.toml")], tmp_path / "costs")
    (cost,) = collected.costs(tmp_path / "costs")
    assert (cost.model, cost.version) == ("tones", told.version())
    trained = export(of_any_weights(told), promised.of_recipe(told))
    assert cost.operations == operations.count(trained)
    assert cost.size_bytes == pytest.approx(len(trained), rel=0.01)
    assert [each.batch for each in cost.latency] == [1, 8, 16, 32]
    assert all(0 < each.least_ms <= each.median_ms <= each.most_ms for each in cost.latency)
    assert f"wrote {tmp_path / 'costs'}" in capsys.readouterr().out
