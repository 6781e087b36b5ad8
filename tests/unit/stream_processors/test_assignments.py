from stream_processors.assignments import AssignmentHistory
from stream_processors.records import Assignment


def assignment(
    name: str, from_us: int, until_us: int | None = None, device: str = "d"
) -> Assignment:
    return Assignment(
        assignment_id=name,
        device_id=device,
        patient_id=f"patient of {name}",
        ward="3",
        bed="7",
        from_us=from_us,
        until_us=until_us,
    )


def history(*assignments: Assignment) -> AssignmentHistory:
    known = AssignmentHistory()
    for each in assignments:
        known.step(each.assignment_id, each)
    return known


def name_at(known: AssignmentHistory, at_us: int, device: str = "d") -> str | None:
    found = known.at(device, at_us)
    return None if found is None else found.assignment_id


def test_sound_goes_to_whoever_wore_the_device_then() -> None:
    known = history(assignment("second", 300), assignment("first", 100, 200))

    assert [name_at(known, at) for at in (99, 100, 199, 200, 299, 300, 9999)] == [
        None, "first", "first", None, None, "second", "second",
    ]  # fmt: skip
    assert name_at(known, 150, device="another") is None


def test_where_two_overlap_the_one_that_began_last_counts() -> None:
    known = history(assignment("forgotten", 100), assignment("new", 200, 300))

    assert [name_at(known, at) for at in (150, 250, 350)] == ["forgotten", "new", "forgotten"]


def test_a_later_version_replaces_an_earlier_one() -> None:
    known = history(assignment("a", 100), assignment("a", 100, 200))
    assert name_at(known, 250) is None

    known.step("a", assignment("a", 100, device="other"))
    assert name_at(known, 150) is None
    assert name_at(known, 150, device="other") == "a"
    assert len(known) == 1


def test_a_deleted_assignment_is_gone() -> None:
    known = history(assignment("a", 100))
    known.step("a", None)
    known.step("never there", None)

    assert name_at(known, 150) is None
    assert len(known) == 0
