"""What people do with alarms, and how alarms reach those who do not look at the page."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.steps import OFFLINE_MS, SLOW_MS, admit, alarm_of, miss_soon, tile_of
from tests.console_stack import Stack

DEVICE, BED = "dev-aside", "78"
RESTARTS_MS = 120_000
# As when another tab is in front; a headless browser shows all of its tabs.
_HIDDEN = "Object.defineProperty(Document.prototype, 'hidden', { get: () => true })"
_SHOWN = """async () => {
  for (const registration of await navigator.serviceWorker.getRegistrations())
    for (const one of await registration.getNotifications()) return one.title;
  return "";
}"""


@pytest.fixture
def calling(open_page: Open, stack: Stack) -> Iterator[Page]:
    """A ward page on which a bed calls: its device is offline."""
    page = open_page(viewport={"width": 1360, "height": 850})
    admit(page, device_id=DEVICE, bed=BED)
    discharge = miss_soon(stack, DEVICE)
    page.goto("/")
    expect(alarm_of(page, BED)).to_be_visible(timeout=OFFLINE_MS)
    yield page
    discharge()


def test_an_alarm_is_put_aside_with_an_end_that_is_shown_and_taken_back(calling: Page) -> None:
    page = calling
    alarm_of(page, BED).get_by_role("button", name="Shelve").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Device offline, Bed {BED}")
    dialog.get_by_role("button", name="30 min").click()
    line = tile_of(page, DEVICE).locator(".alarm-line")
    expect(line).to_contain_text(re.compile(r"shelved until \d\d:\d\d"), timeout=SLOW_MS)
    expect(alarm_of(page, BED)).to_have_count(0)
    page.goto(f"/beds/{DEVICE}/")
    aside = page.get_by_role("region", name="Alarms that are answered")
    expect(aside).to_contain_text(re.compile(r"Device offline shelved until \d\d:\d\d"))
    aside.get_by_role("button", name="Take").click()
    expect(alarm_of(page, BED)).to_be_visible(timeout=SLOW_MS)
    expect(aside).to_be_hidden()


def test_a_shelf_whose_condition_is_over_says_so_and_is_taken_back(
    calling: Page, stack: Stack
) -> None:
    page = calling
    alarm_of(page, BED).get_by_role("button", name="Shelve").click()
    page.get_by_role("dialog").get_by_role("button", name="30 min").click()
    line = tile_of(page, DEVICE).locator(".alarm-line")
    expect(line).to_contain_text(
        re.compile(r"▲▲ Device offline.*shelved until \d\d:\d\d"), timeout=SLOW_MS
    )
    (now,) = [
        one
        for one in stack.get("/api/v1/assignments")["results"]
        if one["device_id"] == DEVICE and one["until_us"] is None
    ]
    turned_off = {"limits": {"offline_s": 10, "offline_priority": 0}}
    stack.put(f"/api/v1/assignments/{now['assignment_id']}/limits", turned_off)
    expect(line).to_have_text(
        re.compile(r"^\s*Device offline\s*shelved until \d\d:\d\d$"), timeout=SLOW_MS
    )
    page.goto(f"/beds/{DEVICE}/")
    aside = page.get_by_role("region", name="Alarms that are answered")
    expect(aside).to_contain_text("not so now, and silent if it comes back before then")
    aside.get_by_role("button", name="Take").click()
    expect(aside).to_be_hidden(timeout=SLOW_MS)
    assert stack.get(f"/api/v1/beds/{DEVICE}")["shelves"] == []


def test_who_cancels_shelves_nothing(calling: Page) -> None:
    alarm_of(calling, BED).get_by_role("button", name="Shelve").click()
    calling.keyboard.press("Escape")
    expect(calling.get_by_role("dialog")).to_be_hidden()
    expect(tile_of(calling, DEVICE)).to_have_attribute("data-calls", "true")


def test_an_answer_that_meets_a_console_which_was_killed_arrives_when_it_is_back(
    calling: Page, stack: Stack
) -> None:
    stack.part("console.serve").kill()
    alarm = alarm_of(calling, BED)
    alarm.get_by_role("button", name="Acknowledge").click()
    expect(alarm).to_contain_text("Sending")
    line = tile_of(calling, DEVICE).locator(".alarm-line")
    expect(line).to_contain_text("acknowledged", timeout=RESTARTS_MS)
    expect(calling.locator("#link")).to_have_text("live", timeout=SLOW_MS)


@pytest.mark.usefixtures("calling")
def test_a_page_that_is_not_looked_at_notifies_through_the_system(
    open_page: Open, stack: Stack
) -> None:
    page = open_page()
    page.context.grant_permissions(["notifications"], origin=stack.address.rstrip("/"))
    page.add_init_script(_HIDDEN)
    page.reload()
    for _ in range(SLOW_MS // 200):
        if title := page.evaluate(_SHOWN):
            break
        page.wait_for_timeout(200)
    assert re.fullmatch(r"▲+ (Bed \d+|Monitoring): .+", title)
    assert "p-" not in title


def test_sound_that_is_on_goes_on_with_the_first_key_on_the_next_page(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Turn sound on").click()
    for path in ("/beds/wearable-02/", "/"):
        page.goto(path)
        page.keyboard.press("Tab")
        expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Sound on").click()
    page.keyboard.press("Tab")
    page.goto("/beds/wearable-02/")
    page.keyboard.press("Tab")
    page.wait_for_timeout(300)
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "false")


def test_a_standby_that_is_refused_says_so(open_page: Open) -> None:
    page = open_page("/beds/wearable-02/")
    expect(page.locator("#link")).to_have_text("live")
    refused = {"detail": "this needs the role nurse"}
    page.route("**/api/v1/alarms/actions", lambda route: route.fulfill(status=403, json=refused))
    page.get_by_role("button", name="Standby 30 min").click()
    expect(page.get_by_role("alert").filter(has_text="Not done")).to_contain_text("role nurse")


def test_who_is_logged_out_meanwhile_is_told_so_and_where_to_log_in(open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#link")).to_have_text("live")
    page.context.clear_cookies()
    page.evaluate("dispatchEvent(new Event('online'))")  # the feed is connected anew
    expect(page.locator("#stale")).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("link", name="You are no longer logged in").click()
    expect(page).to_have_url(re.compile("/login/"))


def test_a_beds_page_shows_nothing_of_who_wore_the_device_before(
    open_page: Open, stack: Stack
) -> None:
    page = open_page()
    for bed, note in (("80", "of the first"), ("81", "")):
        admit(page, device_id="dev-shared", bed=bed)
        page.goto("/beds/dev-shared/")
        expect(page.locator("#patient")).to_contain_text(f"p-{bed}")
        if note:
            page.fill("#note-text", note)
            page.get_by_role("button", name="Add").click()
            expect(page.locator("#notes")).to_contain_text(note)
    page.wait_for_timeout(1000)
    expect(page.locator("#notes")).to_have_text("None.")
    miss_soon(stack, "dev-shared")()
