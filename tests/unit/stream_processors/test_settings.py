import pytest

from ingest.connections import load
from models.errors import ConfigurationError
from stream_processors.settings import WorkerSettings


def test_every_setting_is_documented() -> None:
    for name, field in WorkerSettings.model_fields.items():
        assert field.description, name


def test_workers_are_told_apart_without_being_named() -> None:
    name = load(WorkerSettings).name
    assert name.startswith("worker-")
    assert len(name) <= 64


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTWARD_WORKER_BATCH_WINDOWS", "7")
    monkeypatch.setenv("HEARTWARD_WORKER_NAME", "icu-2")
    settings = load(WorkerSettings)
    assert (settings.batch_windows, settings.name) == (7, "icu-2")


@pytest.mark.parametrize(
    ("name", "value"),
    [("SESSION_TIMEOUT_S", "1"), ("BATCH_WINDOWS", "0"), ("NAME", "two words"), ("NAME", "")],
)
def test_nonsense_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"HEARTWARD_WORKER_{name}", value)
    with pytest.raises(ConfigurationError, match=f"HEARTWARD_WORKER_{name}") as caught:
        load(WorkerSettings)
    assert "\n" not in str(caught.value)
