"""The console as nurses use it: a real browser before a real ward.

The tests share one demonstration; each leaves it as it found it, or makes its own bed.
"""

import re
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import BEDS, Open
from tests.browser.steps import SLOW_MS, admit, alarm_of, miss_soon, tile_of, until
from tests.console_stack import Stack

People = dict[str, tuple[str, str]]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1400, "height": 900}
_WORST_HEAD = """
for (const id of ["pause", "pause-line"]) document.getElementById(id).hidden = false;
document.getElementById("pause").textContent = "Resume audio";
document.getElementById("pause-line").textContent = "Audio paused 1:59";
"""
PAGES = (
    *("/", "/beds/wearable-02/", "/admissions/", "/history/alarms/", "/history/handover/"),
    *("/users/", "/audit/", "/notifications/", "/profile/"),
)


def test_the_ward_fills_and_goes_on_by_itself(open_page: Open) -> None:
    page = open_page(viewport=DESK)
    expect(page.locator(".tile")).to_have_count(BEDS)
    expect(page.locator("#link")).to_have_text("live")
    tile = tile_of(page, "wearable-01")
    expect(tile.locator(".rate b")).to_have_text(re.compile(r"^\d+$"), timeout=SLOW_MS)
    expect(tile.locator(".quality-text")).to_have_text(re.compile("signal"))
    expect(tile.locator(".battery")).to_contain_text("%")
    delays = "window.heartwardDelaysMs.length"
    seen = page.evaluate(delays)
    until(page, f"{delays} > {seen} + 4", timeout=SLOW_MS)
    painted = page.evaluate(
        """() => [...document.querySelectorAll('.tile canvas')].every(
            (canvas) => canvas.getContext('2d')
                .getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte))"""
    )
    assert painted, "a strip is empty"


def test_results_are_on_the_screen_within_a_second(open_page: Open) -> None:
    page = open_page()
    until(page, "window.heartwardDelaysMs.length >= 20", timeout=30_000)
    delays_ms = sorted(page.evaluate("window.heartwardDelaysMs"))
    assert delays_ms[len(delays_ms) * 9 // 10] < 1000, delays_ms


def test_who_gives_a_wrong_password_does_not_get_in(open_page: Open) -> None:
    page = open_page()
    page.context.clear_cookies()
    page.goto("/")
    expect(page).to_have_url(re.compile("/login/"))
    page.fill("#id_username", "demo")
    page.fill("#id_password", "wrong")
    page.click("button.primary")
    expect(page.get_by_role("alert")).to_contain_text("correct")


def test_each_role_sees_what_it_may(open_page: Open, people: People) -> None:
    viewer = open_page(user=people["vera"][0], password=people["vera"][1])
    expect(viewer.locator(".tile")).to_have_count(BEDS)
    expect(viewer.get_by_role("link", name="Admissions")).to_have_count(0)
    expect(viewer.get_by_role("button", name="Acknowledge")).to_have_count(0)
    nurse = open_page(user=people["nina"][0], password=people["nina"][1])
    expect(nurse.get_by_role("link", name="Admissions")).to_be_visible()
    expect(nurse.get_by_role("link", name="Users")).to_have_count(0)
    assert nurse.goto("/users/").status == 403  # type: ignore[union-attr]
    other = open_page(user=people["otto"][0], password=people["otto"][1])
    expect(other.locator("#link")).to_have_text("live")
    expect(other.locator(".tile")).to_have_count(0)


def test_an_alarm_that_is_acknowledged_in_one_tab_is_so_in_another(
    open_page: Open, people: People, stack: Stack
) -> None:
    first = open_page(user=people["nina"][0], password=people["nina"][1])
    second = open_page()
    bed = _provoke(stack)
    alarm = alarm_of(first, bed["bed"]).filter(has_text="Heart rate high")
    expect(alarm).to_be_visible(timeout=SLOW_MS)
    expect(tile_of(first, bed["device_id"])).to_have_attribute("data-calls", "true")
    expect(alarm_of(second, bed["bed"]).filter(has_text="Heart rate high")).to_be_visible()
    alarm.get_by_role("button", name="Acknowledge").click()
    for page in (first, second):
        line = tile_of(page, bed["device_id"]).locator(".alarm-line")
        expect(line).to_contain_text("acknowledged", timeout=SLOW_MS)
    expect(alarm_of(second, bed["bed"]).filter(has_text="Heart rate high")).to_have_count(0)


def _provoke(stack: Stack) -> Any:
    """Set the limits of the fastest heart so that its rate is an alarm; returns its bed."""
    beds = [bed for bed in stack.get("/api/v1/beds") if bed["verdict"] == "good"]
    fastest = max(beds, key=lambda bed: bed["rate_bpm"] or 0)
    assert fastest["rate_bpm"] > 65, "no heart of this ward is fast enough"
    limits = {"tachycardia_bpm": 60, "bradycardia_bpm": 35, "rate_k": 1, "rate_n": 1}
    stack.put(f"/api/v1/assignments/{fastest['assignment_id']}/limits", {"limits": limits})
    return fastest


def test_a_device_that_is_never_heard_is_offline_rings_and_its_sound_can_be_paused(
    open_page: Open, stack: Stack
) -> None:
    page = open_page()
    admit(page, device_id="dev-off", bed="77")
    page.goto("/")
    page.get_by_role("button", name="Turn sound on").click()
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
    tile = tile_of(page, "dev-off")
    expect(tile).to_have_attribute("data-standing", "waiting")
    end = miss_soon(stack, "dev-off")
    expect(tile).to_have_attribute("data-standing", "offline", timeout=60_000)
    expect(tile.locator(".over")).to_have_text("OFFLINE")
    expect(tile.locator(".quality-text")).to_have_text("no signal")
    expect(tile.locator(".alarm-line")).to_contain_text("Device offline")
    until(page, "Number(document.body.dataset.bursts) > 0")
    page.get_by_role("button", name="Pause audio").click()
    line = page.locator("#pause-line")
    expect(line).to_have_text(re.compile(r"Audio paused (2:00|1:\d\d)"), timeout=SLOW_MS)
    before = line.inner_text()
    expect(line).not_to_have_text(before, timeout=3000)
    expect(page.locator("body")).to_have_attribute("data-sounding", "")
    page.get_by_role("button", name="Resume audio").click()
    expect(line).to_be_hidden(timeout=SLOW_MS)
    end()
    expect(tile).to_have_count(0, timeout=SLOW_MS)


def test_a_patient_is_moved_and_the_ward_shows_it_without_a_reload(open_page: Open) -> None:
    ward, desk = open_page(), open_page("/admissions/")
    row = desk.locator("tr", has_text="wearable-03")
    row.get_by_label("Bed for").fill("33")
    row.get_by_role("button", name="Move").click()
    expect(desk.get_by_role("status")).to_contain_text("33")
    expect(tile_of(ward, "wearable-03").locator(".bed")).to_have_text("33", timeout=SLOW_MS)
    row = desk.locator("tr", has_text="wearable-03")
    row.get_by_label("Bed for").fill("03")
    row.get_by_role("button", name="Move").click()
    expect(tile_of(ward, "wearable-03").locator(".bed")).to_have_text("03", timeout=SLOW_MS)


def test_a_discharge_is_asked_for_twice(open_page: Open) -> None:
    page = open_page()
    admit(page, device_id="dev-leaves", bed="79")
    page.goto("/admissions/")
    asked: list[str] = []

    def answer(*, yes: bool) -> None:
        def say(dialog: Dialog) -> None:
            asked.append(dialog.message)
            (dialog.accept if yes else dialog.dismiss)()

        page.once("dialog", say)
        page.get_by_role("button", name="Discharge p-79").click()

    answer(yes=False)
    expect(page.locator("tr", has_text="dev-leaves")).to_be_visible()
    answer(yes=True)
    expect(page.get_by_role("status")).to_contain_text("no longer wears dev-leaves")
    assert asked == ["Discharge p-79 from bed 79? dev-leaves is watched no longer."] * 2


def test_a_bed_shows_sound_trends_and_alarms_and_can_be_heard(
    open_page: Open, stack: Stack
) -> None:
    page = open_page(f"/beds/{_provoke(stack)['device_id']}/")
    expect(page.locator("#rate")).to_have_text(re.compile(r"^\d+$"), timeout=SLOW_MS)
    expect(page.locator("#trend-rate canvas")).to_be_visible(timeout=SLOW_MS)
    newest = page.locator(".past", has_text="Heart rate high").first
    expect(newest).to_be_visible(timeout=25_000)
    # By its time: the next one may be raised above it while this test is at work.
    began = page.locator(".when", has_text=newest.locator(".when").inner_text())
    past = page.locator(".past", has_text="Heart rate high").filter(has=began)
    page.get_by_role("button", name="Last 30 s, raw").click()
    until(page, "document.querySelector('#player audio').duration > 29", timeout=SLOW_MS)
    until(page, "document.querySelector('#player audio').currentTime > 0.2")
    for kind in ("Filtered", "Raw"):
        past.get_by_role("button", name=kind).click()
        words = f"30 s before and after the alarm, {kind.lower()}"
        expect(page.locator("#player .note")).to_contain_text(words, timeout=SLOW_MS)
    page.fill("#note-text", "slept well")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#notes")).to_contain_text("slept well")
    past.get_by_role("button", name="Agree", exact=True).click()
    expect(past.locator(".verdict")).to_contain_text("Agreed")
    moment = page.locator("#moment")
    moment.get_by_role("button", name="Disagree").click()
    moment.get_by_label("What it is instead").fill("murmur")
    moment.get_by_role("button", name="Disagree").click()
    expect(moment.locator(".verdict")).to_contain_text("murmur instead of")
    expect(moment.locator("[aria-pressed=true]")).to_have_count(0)
    page.reload()
    expect(past.locator(".verdict")).to_contain_text("Agreed", timeout=SLOW_MS)
    expect(past.locator("[aria-pressed=true]")).to_have_text("Agree")


def test_limits_are_changed_with_their_history_and_bounds(open_page: Open) -> None:
    page = open_page("/beds/wearable-04/")
    page.get_by_role("link", name="Change").click()
    expect(page.get_by_label("forget_s", exact=True)).to_be_hidden()
    page.get_by_label("Heart rate is high above").fill("1000")
    page.get_by_role("button", name="Put in force").click()
    expect(page.locator(".messages .error")).to_contain_text("60 to 215")
    page.get_by_label("Heart rate is high above").fill("150")
    page.get_by_role("button", name="Put in force").click()
    expect(page.get_by_role("status")).to_contain_text("in force")
    expect(page.locator("table").last).to_contain_text("tachycardia_bpm: 150")


def test_a_page_whose_feed_is_silent_says_so_loudly_and_recovers(
    open_page: Open, stack: Stack
) -> None:
    page = open_page()
    expect(page.locator("#link")).to_have_text("live")
    console = stack.part("console.serve")
    console.suspend()
    try:
        expect(page.locator("#stale")).to_be_visible(timeout=9_000)
        expect(page.locator("#stale")).to_contain_text("NOT UP TO DATE")
    finally:
        console.resume()
    expect(page.locator("#stale")).to_be_hidden(timeout=SLOW_MS)
    expect(page.locator("#link")).to_have_text("live")


def test_monitoring_is_lost_when_nobody_raises_alarms_any_more(
    open_page: Open, stack: Stack
) -> None:
    page = open_page()
    alarms = stack.part("alarm_app")
    alarms.suspend()
    try:
        expect(page.locator("#lost")).to_be_visible(timeout=20_000)
        expect(page.locator("#lost")).to_contain_text("MONITORING LOST")
        expect(page.locator("body")).to_have_attribute("data-sounding", "high")
    finally:
        alarms.resume()
    expect(page.locator("#lost")).to_be_hidden(timeout=30_000)


def test_everything_is_reached_with_the_keyboard_alone(open_page: Open) -> None:
    page = open_page(viewport=DESK)
    expect(page.locator(".tile")).to_have_count(BEDS)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('open')"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/beds/"))


def _theme(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_dark_and_light_follow_the_system_and_then_the_choice(open_page: Open) -> None:
    page = open_page(color_scheme="dark")
    dark = _theme(page)
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Dark or light").click()
    light = _theme(page)
    assert dark != light
    page.reload()
    assert _theme(page) == light


def test_the_head_has_one_line_on_a_desk_and_two_on_a_tablet(open_page: Open) -> None:
    for width, lines in ((1360, 1), (1024, 2), (820, 2)):
        page = open_page(viewport={"width": width, "height": 850})
        page.get_by_role("button", name="Turn sound on").click()
        page.evaluate(_WORST_HEAD)
        height = page.locator(".top").evaluate("(head) => head.offsetHeight")
        assert height < 60 * lines, (width, height)


def test_no_page_breaks_its_own_policy(open_page: Open) -> None:
    page = open_page()
    for path in (*PAGES, "/recordings/", "/recordings/live/", "/api/v1/"):
        page.goto(path)
        page.wait_for_timeout(500)  # the fixture takes note of what the browser refuses


def test_a_phone_shows_every_page_without_scrolling_sideways(open_page: Open) -> None:
    page = open_page(viewport=PHONE)
    widths = {}
    for path in PAGES:
        page.goto(path)
        page.wait_for_timeout(400)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    assert max(widths.values()) <= PHONE["width"], widths


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_no_page_has_a_serious_fault_of_accessibility(
    open_page: Open, axe: str, scheme: Any
) -> None:
    page = open_page(viewport=DESK, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    found = []
    for path in PAGES:
        page.goto(path)
        page.wait_for_timeout(700)
        page.evaluate(axe)
        violations = page.evaluate("axe.run().then((result) => result.violations)")
        found += [
            (path, one["id"], node["target"], node.get("failureSummary"))
            for one in violations
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]
    assert not found
