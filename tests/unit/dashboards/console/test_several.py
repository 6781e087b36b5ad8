"""Several consoles on one database: what one does no other does again."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings

from dashboards.console.history import clip_keeper
from dashboards.console.history.clip_keeper import ClipKeeper
from dashboards.console.history.models import Clip
from dashboards.console.history.sound import Sound
from dashboards.console.notifications import errand, messenger
from dashboards.console.notifications.errand import Errand
from dashboards.console.notifications.messenger import Messenger
from dashboards.console.notifications.models import Delivery, Rule
from dashboards.console.outbox import duty
from dashboards.console.outbox.models import Duty
from ingest.connections import KafkaConnection
from tests.unit.dashboards.console.examples import NOW_US

pytestmark = pytest.mark.django_db


def test_one_has_a_duty_until_it_is_not_heard_of_or_leaves_it() -> None:
    assert duty.is_ours("outbox", "a", for_s=60)
    assert duty.is_ours("outbox", "a", for_s=60)
    assert not duty.is_ours("outbox", "b", for_s=60)
    assert duty.is_ours("clips", "b", for_s=60)
    Duty.objects.filter(name="outbox").update(until_us=0)  # as if a had died a while ago
    assert duty.is_ours("outbox", "b", for_s=60)
    assert not duty.is_ours("outbox", "a", for_s=60)
    duty.leave("outbox", "b")
    assert duty.is_ours("outbox", "a", for_s=60)


def test_a_message_that_two_consoles_read_at_once_is_sent_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = Rule.objects.create(name="desk", channel="webhook", address="http://127.0.0.1:9/")
    Delivery.objects.create(rule=rule, event_id="v1", message={}, created_us=NOW_US, due_us=NOW_US)
    sent: list[str] = []
    other = Messenger()

    def deliver(channel: str, *_: Any) -> str:
        sent.append(channel)
        return "200"

    def and_the_other_in_between(self: Errand, most_s: float) -> None:
        monkeypatch.setattr(Errand, "wait", wait)
        assert other.step(NOW_US + 1) == 0
        wait(self, most_s)

    wait = Errand.wait
    monkeypatch.setattr(Errand, "wait", and_the_other_in_between)
    monkeypatch.setattr(errand, "deliver", deliver)
    assert Messenger().step(NOW_US) == 1
    assert sent == ["webhook"]


def test_what_a_console_took_and_died_with_is_sent_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = Rule.objects.create(name="desk", channel="webhook", address="http://127.0.0.1:9/")
    Delivery.objects.create(rule=rule, event_id="v1", message={}, created_us=NOW_US, due_us=NOW_US)

    end = threading.Event()
    monkeypatch.setattr(messenger, "_WAIT_S", 0.05)
    monkeypatch.setattr(errand, "deliver", lambda *_: str(end.wait()))
    assert Messenger().step(NOW_US) == 0
    monkeypatch.setattr(errand, "deliver", lambda *_: "200")
    assert Messenger().step(NOW_US + 1_000_000) == 0
    monkeypatch.setattr(messenger, "_WAIT_S", 5.0)
    assert Messenger().step(NOW_US + 61_000_000) == 1
    end.set()


class OneTurn:
    """Lets a thread's loop go round once."""

    turns = 0

    def is_set(self) -> bool:
        self.turns += 1
        return self.turns > 1

    def wait(self, _s: float) -> None:
        pass


class Finder:
    """Finds a second of silence."""

    def raw(self, *_: Any) -> Sound:
        return Sound(np.zeros(2000, np.int16), 2000, 0, 0.0)


@pytest.mark.parametrize(("holder", "files"), [("other", 0), ("this", 1)])
def test_of_several_consoles_the_one_with_the_duty_keeps_clips(
    settings: LazySettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    holder: str,
    files: int,
) -> None:
    settings.MEDIA_ROOT = tmp_path
    # The test's own transaction lives on the connection that the thread would renew.
    monkeypatch.setattr(clip_keeper, "close_old_connections", lambda: None)
    Clip.objects.create(episode_id="e1", device_id="d", from_us=0, until_us=1)
    duty.is_ours("clips", holder, for_s=60)
    keeper = ClipKeeper(KafkaConnection.model_construct(servers="nowhere"), who="this")
    keeper._finder = Finder()  # type: ignore[assignment]
    keeper.run(OneTurn())  # type: ignore[arg-type]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == files
