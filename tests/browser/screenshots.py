"""Make the pictures of the console anew: ``python -m tests.browser.screenshots [FOLDER]``."""

import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from playwright.sync_api import TimeoutError as OverdueError

from deploy.embedded import free_port
from tests.browser.steps import log_in
from tests.console_stack import Stack, running

FOLDER = Path("dashboards/console/screenshots")
_RECORDING = "ingest/recordings/d0012.flac"
_BEDS = 12
_RUNS_S = 75
_DESK: ViewportSize = {"width": 1360, "height": 850}
_TALL: ViewportSize = {"width": 1360, "height": 1050}
_PHONE: ViewportSize = {"width": 390, "height": 844}


def _log_in(
    browser: Browser, stack: Stack, *, viewport: ViewportSize, scheme: Literal["dark", "light"]
) -> Page:
    page = browser.new_page(viewport=viewport, color_scheme=scheme, base_url=stack.address)
    log_in(page, stack.user, stack.password)
    return page


def _shoot(page: Page, name: str, folder: Path) -> None:
    """As it stands: of what flashes its bright half."""
    page.screenshot(path=folder / f"{name}.png", animations="disabled")


def shoot_recording(page: Page, folder: Path) -> None:
    """The result of a real recording, with what moved the decision."""
    page.set_viewport_size(_TALL)
    page.goto("/recordings/")
    page.set_input_files("#files", _RECORDING)
    page.locator(".upload.done a").first.click(timeout=90_000)
    page.locator(".overlay:enabled").wait_for(timeout=90_000)
    page.select_option(".overlay", "0")
    page.locator(".zoom .in").click()
    page.wait_for_timeout(500)
    _shoot(page, "recording", folder)


def _all(browser: Browser, stack: Stack, folder: Path) -> None:
    desk = _log_in(browser, stack, viewport=_DESK, scheme="dark")
    desk.get_by_role("button", name="Turn sound on").click()
    desk.wait_for_timeout(_RUNS_S * 1000)
    lines = desk.locator("#banner .alarm").all()
    for episode in [line.get_attribute("data-episode") for line in lines][1:]:
        line = desk.locator(f'#banner [data-episode="{episode}"]')
        with suppress(OverdueError):  # it is over by itself
            line.get_by_role("button", name="Acknowledge").click(timeout=3000)
    desk.wait_for_timeout(3000)
    _shoot(desk, "ward", folder)
    desk.goto("/beds/wearable-02/")
    desk.get_by_role("button", name="15 min").click()
    desk.wait_for_timeout(7000)
    _shoot(desk, "bed", folder)
    light = _log_in(browser, stack, viewport=_DESK, scheme="light")
    light.wait_for_timeout(4000)
    _shoot(light, "ward-light", folder)
    light.goto("/history/handover/?hours=1")
    _shoot(light, "handover", folder)
    light.goto("/admissions/")
    _shoot(light, "admissions", folder)
    shoot_recording(desk, folder)
    phone = _log_in(browser, stack, viewport=_PHONE, scheme="dark")
    phone.wait_for_timeout(4000)
    _shoot(phone, "phone", folder)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        running(Path(scratch), "--beds", str(_BEDS), "--port", str(free_port())) as stack,
        sync_playwright() as playwright,
    ):
        stack.wait_for_beds(_BEDS, within_s=60)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        _all(browser, stack, folder)
        browser.close()


if __name__ == "__main__":
    main()
