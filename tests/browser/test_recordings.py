"""Recordings in a real browser: upload to result, history, comparison, a live examination."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, Route, expect
from scipy.signal import resample_poly

from tests.browser.conftest import Open
from tests.browser.steps import log_in
from tests.console_stack import Stack

People = dict[str, tuple[str, str]]

SOUNDS = Path("ingest/recordings")
PHONE = {"width": 390, "height": 844}
SLOW_MS = 30_000
THEMES = ("dark", "light")


def _upload(page: Page, *files: str) -> None:
    page.set_input_files("#files", [str(SOUNDS / file) for file in files])


@pytest.fixture(scope="module")
def address(browser: Browser, stack: Stack) -> str:
    """Where the result of a real recording is, uploaded through the page."""
    page = browser.new_page(base_url=stack.address)
    log_in(page, stack.user, stack.password)
    page.goto("/recordings/")
    page.fill("#note", "left sternal border")
    _upload(page, "d0012.flac")
    link = page.locator(".upload.done a").first
    found = link.get_attribute("href", timeout=SLOW_MS)
    page.close()
    assert found is not None
    return found


@pytest.fixture
def result(open_page: Open, address: str) -> Page:
    """The page of that result, everything painted."""
    page = open_page(address)
    expect(page.locator(".plots[data-shown]")).to_be_visible(timeout=SLOW_MS)
    return page


def _is_painted(page: Page, selector: str) -> bool:
    return bool(
        page.locator(selector).first.evaluate(
            """(canvas) => canvas.getContext('2d')
                .getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte)"""
        )
    )


def test_a_real_recording_goes_from_upload_to_its_result(result: Page) -> None:
    page = result
    expect(page.locator(".vitals-row .tag")).to_have_text(re.compile(r"abnormal \d+ %"))
    expect(page.locator(".vital .rate")).to_have_text(re.compile(r"^\d+$"))
    expect(page.locator(".follow-up")).to_contain_text("not a medical device")
    for selector in ("canvas.wave", "canvas.spectrogram", "canvas.chance"):
        page.wait_for_timeout(100)
        assert _is_painted(page, selector), selector
    expect(page.locator(".chance-head")).to_have_count(2)
    expect(page.locator(".numbers tbody tr")).to_have_count(5)


def test_what_moved_the_decision_is_shown_and_said(result: Page) -> None:
    page = result
    expect(page.locator(".overlay")).to_be_enabled(timeout=SLOW_MS)
    before = page.locator("canvas.spectrogram").evaluate("(canvas) => canvas.toDataURL()")
    page.select_option(".overlay", label="screen: abnormal")
    expect(page.locator(".regions li").first).to_contain_text(re.compile(r"Hz.*points less there"))
    page.wait_for_timeout(100)
    after = page.locator("canvas.spectrogram").evaluate("(canvas) => canvas.toDataURL()")
    assert before != after
    page.locator(".regions button").first.click()
    expect(page.locator(".scroller")).to_be_visible()


def test_the_filtered_sound_plays_with_a_moving_cursor(result: Page) -> None:
    page = result
    page.locator(".play").click()
    expect(page.locator(".player .note")).to_have_text(re.compile(r"^[1-9]\.\d of 1\d\.\d s"))
    page.locator(".play").click()
    expect(page.locator(".play")).to_contain_text("Listen")


def test_a_file_that_is_no_recording_is_refused_in_words(open_page: Open) -> None:
    page = open_page("/recordings/")
    page.set_input_files("#files", "README.md")
    expect(page.locator(".upload.refused")).to_contain_text("README.md is no sound")


def test_a_connection_that_breaks_neither_loses_nor_doubles_an_upload(open_page: Open) -> None:
    """The console has taken the upload, but its answer and the next ones never come."""
    page = open_page("/recordings/")
    broken = {"POST": 1, "GET": 2}

    def cut(route: Route) -> None:
        method = route.request.method
        if broken[method] == 0:
            route.fallback()
            return
        broken[method] -= 1
        route.fetch()
        route.abort("connectionreset")

    page.route("**/api/v1/recordings**", cut)
    page.fill("#note", "over a bad connection")
    _upload(page, "c0016.flac")
    expect(page.locator(".upload-state")).to_contain_text("trying again")
    expect(page.locator(".upload.done")).to_have_count(1, timeout=SLOW_MS)
    assert broken == {"POST": 0, "GET": 0}
    page.goto("/recordings/?search=over+a+bad+connection")
    expect(page.locator("table.cards tbody tr")).to_have_count(1)


def test_the_history_finds_compares_and_deletes(open_page: Open) -> None:
    page = open_page("/recordings/")
    page.fill("#note", "to be compared")
    _upload(page, "a0018.flac", "c0016.flac")
    expect(page.locator(".upload.done")).to_have_count(2, timeout=SLOW_MS)
    page.goto("/recordings/?search=compared")
    expect(page.locator("table.cards tbody tr")).to_have_count(2)
    expect(page.locator("#compare")).to_be_disabled()
    for box in page.locator(".pick input").all():
        box.check()
    page.click("#compare")
    expect(page.locator(".one .plots[data-shown]")).to_have_count(2, timeout=SLOW_MS)
    page.goto("/recordings/?search=compared")
    page.locator("td.what a").first.click()
    page.click("#delete")
    page.locator("#sure button.danger").click()
    expect(page.locator(".messages")).to_contain_text("is deleted")
    page.goto("/recordings/?search=compared")
    expect(page.locator("table.cards tbody tr")).to_have_count(1)


def test_the_keyboard_alone_uploads_and_zooms(result: Page) -> None:
    page = result
    page.locator(".zoom .in").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".scroller")).to_be_visible()
    page.locator(".scroller").focus()
    before = page.locator(".scroller").get_attribute("aria-valuetext")
    for _ in range(50):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".scroller")).not_to_have_attribute("aria-valuetext", before or "")


def test_another_ward_sees_neither_the_recording_nor_its_page(
    address: str, open_page: Open, people: People
) -> None:
    user, password = people["otto"]
    other = open_page("/recordings/", user=user, password=password)
    assert "d0012" not in other.content()
    answer = other.goto(address)
    assert answer is not None
    assert answer.status == 404


def test_nothing_is_wider_than_a_phone(address: str, open_page: Open) -> None:
    page = open_page("/recordings/", viewport=PHONE)
    for path in ("/recordings/", "/recordings/live/", address):
        page.goto(path)
        page.wait_for_timeout(300)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{path} is {wide} wide"


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_serious(address: str, open_page: Open, axe: str, theme: Any) -> None:
    page = open_page("/recordings/", color_scheme=theme, bypass_csp=True)
    for path in ("/recordings/", "/recordings/live/", address):
        page.goto(path)
        page.wait_for_timeout(500)
        page.evaluate(axe)
        found = page.evaluate("axe.run()")["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert not serious, [
            (one["id"], [node["html"] for node in one["nodes"]]) for one in serious
        ]


@pytest.fixture
def listening(browser: Browser, chromium: str, tmp_path: Path) -> Iterator[Browser]:
    """A browser whose microphone hears a real heart."""
    samples, rate_hz = soundfile.read(SOUNDS / "a0018.flac")
    heard = np.clip(resample_poly(samples, 48_000 // rate_hz, 1), -1, 1)
    file = tmp_path / "heart.wav"
    soundfile.write(file, heard, 48_000, "PCM_16")
    launched = browser.browser_type.launch(
        executable_path=chromium,
        args=[
            "--no-sandbox",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={file}",
        ],
    )
    yield launched
    launched.close()


def _examine(page: Page, stack: Stack) -> None:
    log_in(page, stack.user, stack.password)
    page.goto("/recordings/live/")
    page.click("#start")
    # The second of them: what the wards' own sound path would have after 7.5 s.
    expect(page.locator("#windows tr")).to_have_count(2, timeout=SLOW_MS)
    assert _is_painted(page, "#wave")
    expect(page.locator("#level-words")).to_contain_text("dB")
    expect(page.locator("#finding")).to_have_text(re.compile(r"(normal|abnormal) \d+ %"))
    page.click("#stop")


def test_a_live_examination_finds_while_it_runs_and_is_saved(
    listening: Browser, stack: Stack
) -> None:
    page = listening.new_page(base_url=stack.address)
    _examine(page, stack)
    page.fill("#note", "from the microphone")
    page.click("#save")
    expect(page.locator("h1")).to_contain_text("examination-", timeout=SLOW_MS)
    expect(page.locator(".vital .rate")).to_have_text(re.compile(r"^6\d$"), timeout=SLOW_MS)
    page.close()
