"""What the console remembers: once, whole, and no longer than it should."""

import csv
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from dashboards.console.admissions.identity import Identity, seal
from dashboards.console.admissions.models import Assignment, Patient
from dashboards.console.history import export_views
from dashboards.console.history.batches import Batch, Published, write
from dashboards.console.history.handover import report
from dashboards.console.history.models import AlarmTransition, Clip, Label, Minute, Note, Window
from dashboards.console.history.playing import as_wav, filtered
from dashboards.console.history.retention import Housekeeping, erase_before
from dashboards.console.history.sound import Sound, as_flac, from_flac
from dashboards.console.history.trends import MOST_POINTS, trend_of
from dashboards.console.live.room import Room
from dashboards.console.notifications.models import Delivery, Rule
from dashboards.console.people.access import Role
from models.rhythm import Heart
from stream_processors.records import Quality, WindowResult, encode
from stream_processors.topics import RESULTS
from tests.unit.dashboards.console import examples
from tests.unit.dashboards.console.conftest import ClientOf
from tests.unit.dashboards.console.examples import NOW_US, fill
from training.datasets import clinicians

pytestmark = pytest.mark.django_db

MINUTE_US = 60_000_000
FULL_MINUTE_US = NOW_US - NOW_US % MINUTE_US - 10 * MINUTE_US


def _write(*results: WindowResult) -> None:
    write(Batch([Published(result, NOW_US) for result in results], [], []))


def _window(index: int, rate_bpm: float = 70.0, **given: Any) -> WindowResult:
    heart = Heart(rate_bpm=rate_bpm, confidence=0.9)
    start_us = FULL_MINUTE_US + index * 2_500_000
    return examples.result(index=index, start_us=start_us, heart=heart, **given)


def test_a_batch_that_is_read_again_changes_nothing() -> None:
    batch = Batch(
        [Published(_window(i), NOW_US) for i in range(5)],
        [examples.event(), examples.event(event_id="v2", transition_no=2)],
        [examples.assignment()],
    )
    write(batch)
    before = [list(model.objects.values()) for model in (Window, Minute, AlarmTransition, Clip)]
    write(batch)
    after = [list(model.objects.values()) for model in (Window, Minute, AlarmTransition, Clip)]
    assert [len(rows) for rows in after] == [5, 1, 2, 1]
    for was, now in zip(before, after, strict=True):
        for row in (*was, *now):
            row.pop("id", None)
        assert was == now


def test_of_two_versions_of_a_window_the_fuller_one_stays() -> None:
    _write(_window(1, 60.0, gap_fraction=0.4))
    _write(_window(1, 80.0, gap_fraction=0.0), _window(1, 90.0, gap_fraction=0.2))
    _write(_window(1, 60.0, gap_fraction=0.4))
    window = Window.objects.get()
    assert (window.rate_bpm, window.gap_fraction) == (80.0, 0.0)
    assert Minute.objects.get().rate_bpm == 80.0


def test_a_minute_is_the_sum_of_its_good_windows() -> None:
    poor = Quality(score=0.3, verdict="poor")
    _write(_window(0, 60.0), _window(1, 80.0), _window(2, 200.0, quality=poor))
    minute = Minute.objects.get()
    assert (minute.windows, minute.good) == (3, 2)
    assert (minute.rate_low_bpm, minute.rate_bpm, minute.rate_high_bpm) == (60.0, 70.0, 80.0)
    assert minute.abnormal_probability == pytest.approx(0.1)


def test_assignments_of_others_are_taken_over_once() -> None:
    record = examples.assignment(until_us=NOW_US)
    write(Batch([], [], [record, record]))
    assert Assignment.objects.get().record() == record


def test_a_trend_has_no_more_points_than_a_screen_and_no_line_over_a_gap() -> None:
    Minute.objects.bulk_create(
        Minute(
            device_id="d",
            minute_us=FULL_MINUTE_US - k * MINUTE_US,
            windows=24,
            good=24,
            gap_fraction=0.0,
            quality=1.0,
            rate_bpm=60 + k % 7,
            rate_low_bpm=50,
            rate_high_bpm=90,
            latency_ms=40,
        )
        for k in range(3000)
        if not 1000 < k < 1100
    )
    week_us = 7 * 24 * 60 * MINUTE_US
    trend = trend_of("d", NOW_US - week_us, NOW_US, "")
    assert 100 < len(trend.at_us) <= MOST_POINTS + 1
    assert max(v for v in trend.rate_high_bpm if v is not None) == 90
    assert trend.rate_bpm.count(None) == 1


def test_a_short_trend_shows_every_window() -> None:
    _write(*(_window(i) for i in range(8)))
    span = (FULL_MINUTE_US - 1, FULL_MINUTE_US + MINUTE_US)
    assert len(trend_of("dev-west-1", *span, "p-west-1").at_us) == 8
    assert not trend_of("dev-west-1", *span, "p-next").at_us
    assert not trend_of("dev-west-1", *span, "").at_us


def test_the_handover_tells_alarms_gaps_trend_and_notes_of_each_bed() -> None:
    _write(*(_window(i, 60.0) for i in range(24)))
    _write(*(_window(i, 80.0) for i in range(96, 120)))
    events = [
        examples.event(at_us=FULL_MINUTE_US),
        examples.event(event_id="v2", episode_id="e2", at_us=FULL_MINUTE_US + 1),
    ]
    write(Batch([], events, []))
    at = {"patient_id": "p-west-1", "ward": "west", "bed": "1"}
    Note.objects.create(at_us=FULL_MINUTE_US, author="n", text="slept well", **at)
    until_us = FULL_MINUTE_US + 5 * MINUTE_US
    (bed,) = report("west", FULL_MINUTE_US, until_us)
    assert (bed.minutes, bed.gap_minutes) == (2, 3)
    assert (bed.rate_low_bpm, bed.rate_high_bpm, bed.rate_change_bpm) == (60.0, 80.0, 20.0)
    assert bed.raised == [("medium", "Heart rate high", 2)]
    assert [note.text for note in bed.notes] == ["slept well"]
    assert report("east", FULL_MINUTE_US, until_us) == []


def _shift() -> tuple[int, int]:
    return FULL_MINUTE_US, FULL_MINUTE_US + 5 * MINUTE_US


def test_the_handover_tells_an_alarm_that_is_open_since_before_the_shift(room: Room) -> None:
    fill(room, ("west", 1), ("east", 1))
    long_ago = examples.episode(began_us=NOW_US - 9 * 3600 * 1_000_000, state="acknowledged")
    for ward in ("west", "east"):
        examples.raise_alarm(room, examples.alarm_state(long_ago, ward=ward))
    (bed,) = report("west", *_shift(), room.ward.pictures(NOW_US))
    assert [(alarm.episode_id, alarm.state) for alarm in bed.still_open] == [("e1", "acknowledged")]


def test_the_handover_tells_who_was_not_heard_at_all_and_for_how_long() -> None:
    from_us, until_us = _shift()
    before_us, after_us = from_us - 1, until_us + 1
    spans = ((1, before_us, None), (2, from_us + 2 * MINUTE_US, after_us), (3, 0, before_us))
    for bed, since_us, ended_us in spans:
        record = examples.assignment(bed, from_us=since_us, until_us=ended_us)
        write(Batch([], [], [record]))
    told = {bed.bed: (bed.minutes, bed.gap_minutes) for bed in report("west", from_us, until_us)}
    assert told == {"1": (0, 5), "2": (0, 3)}


def test_the_handover_counts_as_a_gap_that_a_device_fell_silent_and_stayed_so() -> None:
    write(Batch([], [], [examples.assignment(from_us=FULL_MINUTE_US - 1)]))
    _write(*(_window(i) for i in range(24)))
    (bed,) = report("west", *_shift())
    assert (bed.minutes, bed.gap_minutes) == (1, 4)


def test_the_handover_takes_who_is_there_since_ever_as_there_since_the_first_sound() -> None:
    write(Batch([], [], [examples.assignment(from_us=0), examples.assignment(2, from_us=0)]))
    _write(*(_window(i) for i in range(48, 72)))
    told = {bed.bed: (bed.minutes, bed.gap_minutes) for bed in report("west", *_shift())}
    assert told == {"1": (1, 2), "2": (0, 0)}


@pytest.mark.parametrize("hours", ["nan", "inf", "-1", "1e999", "", "soon"])
@pytest.mark.usefixtures("room")
def test_a_handover_of_no_length_is_one_of_a_shift_or_of_what_may_be(
    client_of: ClientOf, hours: str
) -> None:
    address = f"/history/handover/?ward=west&hours={hours}"
    assert client_of(Role.VIEWER, "west").get(address).status_code == 200


def test_windows_go_after_days_and_minutes_stay() -> None:
    _write(_window(1))
    three_days_s = 3 * 86_400
    Housekeeping().step(NOW_US / 1e6 + three_days_s)
    assert (Window.objects.count(), Minute.objects.count()) == (0, 1)
    erase_before(NOW_US + 1)
    assert Minute.objects.count() == 0


def test_erasing_a_patient_leaves_the_others_and_no_file_behind(
    django_capture_on_commit_callbacks: object, capsys: pytest.CaptureFixture[str]
) -> None:
    for bed in (1, 2):
        write(
            Batch(
                [Published(examples.result(bed), NOW_US)],
                [examples.event(bed, event_id=f"v{bed}", episode_id=f"e{bed}")],
                [examples.assignment(bed)],
            )
        )
    Patient.objects.update(sealed_identity=seal(Identity(name="Ann Other")))
    rule = Rule.objects.create(name="desk", channel="mail", address="desk@example.org")
    for bed in (1, 2):
        told = {"message": {}, "created_us": NOW_US, "due_us": NOW_US}
        Delivery.objects.create(rule=rule, event_id=f"v{bed}", **told)
    clip = Clip.objects.get(episode_id="e1")
    clip.file.save("x", ContentFile(b"sound"))
    path = Path(clip.file.path)
    assert path.exists()
    with pytest.raises(CommandError, match="p-west-1 still wears dev-west-1"):
        call_command("erase", patient="p-west-1")
    assert path.exists()
    Assignment.objects.update(until_us=NOW_US)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        call_command("erase", patient="p-west-1")
    assert not path.exists()
    assert [told.event_id for told in Delivery.objects.all()] == ["v2"]
    for model in (Window, Minute, AlarmTransition, Clip):
        assert set(model.objects.values_list("patient_id", flat=True)) == {"p-west-2"}
    assert Patient.objects.get(pseudonym="p-west-1").sealed_identity is None
    assert Patient.objects.get(pseudonym="p-west-2").sealed_identity is not None
    said = capsys.readouterr().out
    assert "Kafka has forgotten it by" in said
    assert "InfluxDB: nothing is erased" in said


def test_exported_labels_are_what_training_reads(client_of: ClientOf, tmp_path: Path) -> None:
    clip = Clip.objects.create(
        episode_id="e1",
        device_id="d",
        patient_id="p1",
        ward="west",
        from_us=0,
        until_us=1,
        state="kept",
    )
    tone = Sound(np.zeros(8000, np.int16), 2000, 0, 0.0)
    clip.file.save("x", ContentFile(as_flac(tone)))
    common = {"episode_id": "e1", "device_id": "d", "patient_id": "p1", "ward": "west"}
    Label.objects.create(
        said="abnormal",
        model="screen",
        version="1",
        verdict="disagree",
        corrected="normal",
        author="c",
        clip=clip,
        **common,
    )
    answer = client_of(Role.CLINICIAN, "west").get("/history/labels.zip")
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
    (label,) = clinicians.read(tmp_path)
    assert (label.verdict, label.labels, label.subject) == ("disagree", ("normal",), "p1")
    assert label.labelled_at <= datetime.now(UTC)
    with (tmp_path / "labels.csv").open() as file:
        assert tuple(next(csv.reader(file))) == export_views.COLUMNS


def test_slow_sound_is_made_dense_enough_for_browsers_and_stays_the_same_sound() -> None:
    tone = np.sin(2 * np.pi * 50 * np.arange(4000) / 2000)
    sound = Sound((10_000 * tone).astype(np.int16), 2000, 0, 0.0)
    samples, rate_hz = soundfile.read(io.BytesIO(as_wav(sound)))
    assert rate_hz == 8000
    assert len(samples) == 4 * len(tone)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.fft.rfftfreq(len(samples), 1 / rate_hz)[spectrum.argmax()] == 50
    back = from_flac(as_flac(sound), 0)
    np.testing.assert_array_equal(back.samples, sound.samples)


def test_filtered_sound_lies_within_the_pipelines_band_and_is_loud_enough() -> None:
    time_s = np.arange(8000) / 4000
    low, inside = np.sin(2 * np.pi * 5 * time_s), np.sin(2 * np.pi * 100 * time_s)
    sound = Sound((8000 * low + 800 * inside).astype(np.int16), 4000, 0, 0.0)
    heard = filtered(sound).samples.astype(float)
    spectrum = np.abs(np.fft.rfft(heard[2000:]))  # after the filter has settled
    at_hz = np.fft.rfftfreq(len(heard[2000:]), 1 / 2000)
    power = {hz: spectrum[np.abs(at_hz - hz).argmin()] for hz in (5, 100)}
    assert 20 * np.log10(power[100] / power[5]) > 40
    assert np.abs(heard).max() == pytest.approx(0.7 * 32767, rel=0.01)


def test_a_moment_without_an_alarm_is_labelled_too_and_its_sound_is_wanted(
    room: Room, program_of: ClientOf
) -> None:
    fill(room, ("west", 1))
    write(Batch([Published(examples.result(), NOW_US)], [], [examples.assignment()]))
    clinician = program_of(Role.CLINICIAN, "west")
    missed = {"device_id": "dev-west-1", "at_us": NOW_US, "verdict": "disagree"}
    for _ in range(2):
        answer = clinician.post(
            "/api/v1/labels", missed | {"corrected": "abnormal"}, content_type="application/json"
        )
        assert answer.status_code == 201, answer.content
    label = Label.objects.first()
    assert label is not None
    assert (label.said, label.model, label.corrected) == ("normal", "screen", "abnormal")
    assert (label.patient_id, label.ward) == ("p-west-1", "west")
    clip = Clip.objects.get()
    assert label.clip == clip
    assert (clip.state, clip.from_us, clip.until_us) == (
        *("wanted", NOW_US - 30_000_000, NOW_US + 30_000_000),
    )


def test_a_verdict_on_a_moment_is_on_what_the_page_showed_and_not_on_what_is_stored_so_far(
    room: Room, program_of: ClientOf
) -> None:
    fill(room, ("west", 1))
    write(Batch([Published(examples.result(), NOW_US)], [], [examples.assignment()]))
    newer = examples.result(index=11, label="abnormal")
    room.take(RESULTS.name, newer.device_id.encode(), encode(newer), NOW_US + 1_000_000)
    for at_us in (NOW_US + 1_500_000, NOW_US + 500_000):
        body = {"device_id": "dev-west-1", "at_us": at_us, "verdict": "agree"}
        answer = program_of(Role.CLINICIAN, "west").post(
            "/api/v1/labels", body, content_type="application/json"
        )
        assert answer.status_code == 201, answer.content
    said = Label.objects.order_by("id").values_list("said", flat=True)
    assert list(said) == ["abnormal", "normal"]


@pytest.mark.parametrize(
    ("changes", "role", "ward", "status"),
    [
        ({}, Role.NURSE, "west", 403),
        ({}, Role.ADMIN, "east", 404),
        ({"device_id": "dev-nowhere"}, Role.CLINICIAN, "west", 404),
        ({"at_us": NOW_US + 60_000_000_000}, Role.CLINICIAN, "west", 400),
        ({"at_us": NOW_US - 3600_000_000}, Role.CLINICIAN, "west", 400),
        ({"at_us": None}, Role.CLINICIAN, "west", 400),
    ],
)
def test_a_moment_that_cannot_be_or_is_of_others_is_not_labelled(
    room: Room,
    program_of: ClientOf,
    changes: dict[str, Any],
    role: Role,
    ward: str,
    status: int,
) -> None:
    fill(room, ("west", 1))
    write(Batch([Published(examples.result(), NOW_US)], [], [examples.assignment()]))
    asked = {"device_id": "dev-west-1", "at_us": NOW_US, "verdict": "agree"} | changes
    given = {name: value for name, value in asked.items() if value is not None}
    answer = program_of(role, ward).post("/api/v1/labels", given, content_type="application/json")
    assert answer.status_code == status
    assert not Label.objects.exists()
    assert not Clip.objects.exists()
