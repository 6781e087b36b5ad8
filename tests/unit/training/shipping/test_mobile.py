import msgspec
import numpy as np
import pytest

from models.errors import ModelError
from models.predictor import OnnxPredictor
from tests.unit.training import small_artifact
from training import export, quantize
from training.export import Scale
from training.shipping import mobile


@pytest.mark.parametrize("form", ["float", "weights"])
def test_the_mobile_file_answers_alike_under_the_same_contract(form: str) -> None:
    artifact = small_artifact.artifact()
    artifact = quantize.weights(artifact) if form == "weights" else artifact
    converted = mobile.converted(artifact)
    assert b"ORTM" in converted[:16]
    assert mobile.checked(artifact, converted, small_artifact.windows(16)) <= 1e-6
    assert OnnxPredictor(converted).contract == small_artifact.CONTRACT


def test_a_mobile_file_of_another_net_is_refused() -> None:
    artifact = small_artifact.artifact()
    other = mobile.converted(small_artifact.artifact(at=Scale(2.5)))
    with pytest.raises(ModelError, match="probabilities differ by"):
        mobile.checked(artifact, other, small_artifact.windows(4))


def test_a_mobile_file_of_another_contract_is_refused() -> None:
    artifact = small_artifact.artifact()
    contract = msgspec.structs.replace(small_artifact.CONTRACT, version="2.0.0")
    other = mobile.converted(export.with_contract(artifact, contract))
    with pytest.raises(ModelError, match="lost its contract"):
        mobile.checked(artifact, other, np.zeros((1, 1000), np.float32))
