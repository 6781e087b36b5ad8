import msgspec
import pytest

from deploy.model_choice import chosen, role_named
from models.errors import ModelError, UserError
from models.predictor import OnnxPredictor
from stream_processors.running_models import key_of
from tests.unit.models import tiny


def test_a_choice_names_the_models_own_task_and_version() -> None:
    choice = chosen(OnnxPredictor(tiny.artifact()), "shadow")
    assert (choice.task, choice.model, choice.version) == ("screen", "tiny", "1.0.0")
    assert key_of(choice) == "screen/shadow"
    assert key_of(msgspec.structs.replace(choice, role="active")) == "screen"
    assert key_of(msgspec.structs.replace(choice, role="off")) == "screen"


def test_a_model_that_the_wards_windows_do_not_fit_is_refused_before_it_is_sent() -> None:
    short = msgspec.structs.replace(tiny.CONTRACT, sample_rate_hz=1000, window_s=2.0, hop_s=1.0)
    with pytest.raises(ModelError, match=r"the pipeline gives 5 s every 2\.5 s"):
        chosen(OnnxPredictor(tiny.artifact(short)), "active")


def test_an_unknown_role_is_refused() -> None:
    assert role_named("off") == "off"
    with pytest.raises(UserError, match="--role 'on' is not one of active, shadow, off"):
        role_named("on")
