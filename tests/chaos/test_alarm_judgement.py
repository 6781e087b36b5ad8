"""Who judges the alarms of a disturbed ward finds what is wrong with them."""

import msgspec

from stream_processors.records import AlarmEvent
from tests.chaos.alarms import in_two_versions, rang_twice, unanswered, with_holes
from tests.unit.stream_processors.alarms.bedside import Bedside


def acknowledged() -> list[AlarmEvent]:
    bed = Bedside()
    bed.windows(4, abnormal=0.9)
    bed.act("acknowledge")
    return bed.events


def test_a_sound_history_passes_with_repetitions_in_it() -> None:
    events = [*acknowledged(), *acknowledged()]
    assert [judge(events) for judge in (rang_twice, with_holes, in_two_versions)] == [set()] * 3
    assert unanswered(events, {"d1"}) == set()


def test_a_second_ring_of_an_episode_or_a_second_episode_is_found() -> None:
    events = acknowledged()
    raised = next(event for event in events if event.transition == "raised")
    again = msgspec.structs.replace(raised, event_id="other", transition_no=4)
    other = msgspec.structs.replace(raised, event_id="other", episode_id="another")
    assert rang_twice([*events, again]) == {"d1"}
    assert rang_twice([*events, other]) == {"d1"}


def test_a_missing_transition_is_found() -> None:
    assert with_holes([e for e in acknowledged() if e.transition != "raised"]) == {"d1"}


def test_an_acknowledgement_that_is_lost_is_found() -> None:
    assert unanswered(acknowledged()[:-1], {"d1"}) == {"d1"}
    assert unanswered([], {"d1"}) == {"d1"}


def test_one_event_in_two_versions_is_found() -> None:
    events = acknowledged()
    changed = msgspec.structs.replace(events[0], cause="something else")
    assert in_two_versions([*events, changed]) == {events[0].event_id}
