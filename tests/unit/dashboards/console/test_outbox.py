"""What the console says reaches Kafka once it is back, in order, and is not forgotten."""

from typing import Any

import msgspec
import pytest

from dashboards.console.admissions import desk
from dashboards.console.admissions.models import Assignment, LimitsChange
from dashboards.console.live.room import Room
from dashboards.console.outbox.models import Outgoing, post
from dashboards.console.outbox.postman import Postman, is_sent
from dashboards.console.people.access import Role
from ingest.kafka_sink import MemorySink
from stream_processors import records
from stream_processors.records import AlarmAction, decode
from stream_processors.topics import ALARM_ACTIONS, ASSIGNMENTS
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.examples import fill

pytestmark = pytest.mark.django_db


def _sent(sink: MemorySink) -> list[records.Assignment]:
    return [decode(records.Assignment, one.value or b"") for one in sink.stored]


def test_what_is_said_while_kafka_is_away_is_sent_once_it_is_back_and_once() -> None:
    sink = MemorySink()
    sink.away = True
    postman = Postman(sink)
    number = post(ASSIGNMENTS, "a", examples.assignment())
    for _ in range(3):
        postman.step()
    assert sink.in_flight == 1
    assert not is_sent(number)
    sink.away = False
    assert postman.step() == 1
    assert is_sent(number)
    assert postman.step() == 0
    assert len(sink.stored) == 1


def test_a_console_that_dies_before_it_noted_the_delivery_sends_the_same_again() -> None:
    post(ASSIGNMENTS, "a", examples.assignment())
    first, second = MemorySink(), MemorySink()
    Postman(first).step()
    Outgoing.objects.update(sent_us=None)
    Postman(second).step()
    assert first.stored[0].value == second.stored[0].value
    assert first.stored[0].key == second.stored[0].key


def test_a_device_that_gets_another_patient_ends_what_was_before() -> None:
    desk.assign(device_id="d1", pseudonym="p1", ward="west", bed="1")
    desk.assign(device_id="d1", pseudonym="p2", ward="west", bed="1")
    sink = MemorySink()
    Postman(sink).step()
    first, ended, second = _sent(sink)
    assert (first.patient_id, first.until_us) == ("p1", None)
    assert ended.assignment_id == first.assignment_id
    assert ended.until_us == second.from_us
    assert (second.patient_id, second.until_us) == ("p2", None)


def test_a_patient_may_wear_two_devices_in_one_bed_and_lies_in_one_bed_alone() -> None:
    for device in ("d1", "d2"):
        desk.assign(device_id=device, pseudonym="p1", ward="west", bed="1")
    assert Assignment.objects.filter(until_us=None).count() == 2
    desk.assign(device_id="d1", pseudonym="p1", ward="east", bed="9")
    open_ones = Assignment.objects.filter(until_us=None)
    assert [one.bed.name for one in open_ones] == ["9"]


def test_a_move_takes_the_patients_limits_along() -> None:
    made = desk.assign(device_id="d1", pseudonym="p1", ward="west", bed="1")
    desk.change_limits(made, {"tachycardia_bpm": 150.0}, "carl")
    moved = desk.move(made, ward="west", bed="2")
    sink = MemorySink()
    Postman(sink).step()
    assert _sent(sink)[-1].limits == {"tachycardia_bpm": 150.0}
    assert moved.bed.name == "2"
    assert LimitsChange.objects.get().actor == "carl"


def test_limits_go_on_with_another_device_of_the_same_patient() -> None:
    made = desk.assign(device_id="d1", pseudonym="p1", ward="west", bed="1")
    desk.change_limits(made, {"tachycardia_bpm": 150.0}, "carl")
    second = desk.assign(device_id="d2", pseudonym="p1", ward="west", bed="1")
    assert second.limits == {"tachycardia_bpm": 150.0}
    desk.discharge(made)
    desk.discharge(second)
    assert desk.assign(device_id="d1", pseudonym="p1", ward="west", bed="1").limits == {}
    assert desk.assign(device_id="d2", pseudonym="p2", ward="west", bed="2").limits == {}


def test_limits_are_the_patients_whichever_of_two_devices_they_are_set_at() -> None:
    first, second = (
        desk.assign(device_id=device, pseudonym="p1", ward="west", bed="1")
        for device in ("d1", "d2")
    )
    other = desk.assign(device_id="d3", pseudonym="p2", ward="west", bed="2")
    for changed, bpm in ((first, 150.0), (second, 160.0)):
        desk.change_limits(changed, {"tachycardia_bpm": bpm}, "carl")
        sink = MemorySink()
        Postman(sink).step()
        told = {one.device_id: one.limits for one in _sent(sink)}
        assert told["d1"] == told["d2"] == {"tachycardia_bpm": bpm}
        assert told.get("d3", {}) == {}
    assert LimitsChange.objects.count() == 2, "one change, one line of their history"
    desk.discharge(first)
    desk.change_limits(second, {}, "carl")
    assert Assignment.objects.get(pk=first.pk).limits == {"tachycardia_bpm": 160.0}
    assert Assignment.objects.get(pk=other.pk).limits == {}


def test_what_two_devices_of_a_patient_were_held_against_apart_stays_in_the_history() -> None:
    first, second = (
        desk.assign(device_id=device, pseudonym="p1", ward="west", bed="1")
        for device in ("d1", "d2")
    )
    Assignment.objects.filter(pk=second.pk).update(limits={"tachycardia_bpm": 140.0})
    desk.change_limits(first, {"tachycardia_bpm": 150.0}, "carl")
    before = {one.assignment.pk: one.before for one in LimitsChange.objects.all()}
    assert before == {first.pk: {}, second.pk: {"tachycardia_bpm": 140.0}}


def test_what_has_ended_is_neither_moved_nor_given_limits_nor_ended_again() -> None:
    made = desk.assign(device_id="d1", pseudonym="p1", ward="west", bed="1")
    before = Assignment.objects.get()  # as somebody else's page has it
    desk.discharge(made)
    ended_us = Assignment.objects.get().until_us
    with pytest.raises(desk.AdmissionError, match="has ended"):
        desk.change_limits(before, {"tachycardia_bpm": 150.0}, "carl")
    with pytest.raises(desk.AdmissionError, match="has ended"):
        desk.move(before, ward="west", bed="2")
    desk.discharge(before)
    assert Assignment.objects.get().until_us == ended_us
    sink = MemorySink()
    Postman(sink).step()
    assert [one.until_us for one in _sent(sink)] == [None, ended_us]


def test_an_older_word_of_an_assignment_that_comes_back_does_not_undo_its_end() -> None:
    made = desk.assign(device_id="d1", pseudonym="p1", ward="west", bed="1")
    older = made.record()
    desk.discharge(made)
    desk.mirror(older)
    assert Assignment.objects.get().until_us is not None
    anew = msgspec.structs.replace(older, from_us=older.from_us + 1)
    desk.mirror(anew)
    assert Assignment.objects.get().record() == anew, "what somebody else says since then counts"


def test_the_changes_of_a_patients_limits_are_shown_after_a_move(client_of: ClientOf) -> None:
    made = desk.assign(device_id="d1", pseudonym="p1", ward="west", bed="1")
    desk.change_limits(made, {"tachycardia_bpm": 151.0}, "carl")
    moved = desk.move(made, ward="west", bed="2")
    page = client_of(Role.VIEWER, "west").get(
        f"/admissions/assignments/{moved.assignment_id}/limits/"
    )
    assert b"tachycardia_bpm: 151.0" in page.content
    elsewhere = desk.move(moved, ward="east", bed="1")
    page = client_of(Role.VIEWER, "east").get(
        f"/admissions/assignments/{elsewhere.assignment_id}/limits/"
    )
    assert b"carl" not in page.content, "what was changed in another ward is for that one"


def test_a_limit_of_a_model_that_is_not_installed_is_refused_unless_it_was_set_before() -> None:
    made = desk.assign(device_id="d1", pseudonym="p1", ward="west", bed="1")
    with pytest.raises(
        desk.AdmissionError, match=r"'finding_probability/scren/abnormal'.*screen/abn"
    ):
        desk.change_limits(made, {"finding_probability/scren/abnormal": 0.7}, "carl")
    set_before = {"finding_probability/gone/murmur": 0.7}
    Assignment.objects.filter(pk=made.pk).update(limits=set_before)
    desk.change_limits(made, set_before | {"tachycardia_bpm": 150.0}, "carl")
    assert Assignment.objects.get(pk=made.pk).limits["tachycardia_bpm"] == 150


@pytest.mark.parametrize(
    "limits", [{"tachycardia_bpm": 1000}, {"no_such": 1}, {"bradycardia_bpm": 120}]
)
def test_limits_that_cannot_be_change_nothing(limits: dict[str, float]) -> None:
    made = desk.assign(device_id="d1", pseudonym="p1", ward="west", bed="1")
    Outgoing.objects.all().delete()
    with pytest.raises(desk.AdmissionError, match="limits of assignment"):
        desk.change_limits(made, limits, "carl")
    assert not Outgoing.objects.exists()
    assert not LimitsChange.objects.exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(desk.AdmissionError):
        desk.assign(device_id="d1", pseudonym=name, ward="west", bed="1")
    assert not Assignment.objects.exists()


def _acknowledge(client: Any, **more: object) -> Any:
    body = {"device_id": "dev-west-1", "action": "acknowledge", "episode_id": "e1"} | more
    return client.post("/api/v1/alarms/actions", body, content_type="application/json")


def test_an_acknowledgement_goes_to_the_alarm_worker_in_the_nurses_name(
    room: Room, program_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(room, ("west", 1))
    monkeypatch.setattr("dashboards.console.api.live_views._STORED_WITHIN_S", 0.01)
    answer = _acknowledge(program_of(Role.NURSE, "west"), action_id="12345678")
    assert answer.status_code == 202  # nobody has brought it to Kafka yet
    assert answer.json() == {"action_id": "12345678", "stored": False}
    sink = MemorySink()
    Postman(sink).step()
    (record,) = sink.stored
    assert (record.topic, record.key) == (ALARM_ACTIONS.name, b"dev-west-1")
    action = decode(AlarmAction, record.value or b"")
    assert (action.action, action.episode_id, action.actor) == ("acknowledge", "e1", "nurse-west")


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "explode"},
        {"until_us": -1},
        {"until_us": "soon"},
        {"action_id": "x"},
        {"device_id": "no such/device"},
        {"episode_id": "e" * 65},
    ],
)
def test_an_action_that_cannot_be_is_refused_with_the_field_that_is_wrong(
    room: Room, program_of: ClientOf, wrong: dict[str, object]
) -> None:
    fill(room, ("west", 1))
    answer = _acknowledge(program_of(Role.NURSE, "west"), **wrong)
    assert answer.status_code == 400
    assert set(answer.json()) == set(wrong)
    assert not Outgoing.objects.exists()
