"""What several tests in a browser do."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.console_stack import Stack

SLOW_MS = 15_000
OFFLINE_MS = 60_000


def tile_of(page: Page, device: str) -> Any:
    return page.locator(f'.tile[data-device="{device}"]')


def alarm_of(page: Page, bed: str) -> Any:
    return page.locator("#banner .alarm", has_text=f"Bed {bed}")


def until(page: Page, expression: str, *, timeout: int = SLOW_MS) -> None:
    """Wait until it is true; the pages' own policy forbids what Playwright has for this."""
    for _ in range(timeout // 50):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within {timeout} ms: {expression}")


def admit(page: Page, *, device_id: str, bed: str) -> None:
    """Admit somebody with this device, as a nurse does."""
    page.goto("/admissions/")
    values = {"patient_id": f"p-{bed}", "ward": "demonstration", "bed": bed, "device_id": device_id}
    for name, value in values.items():
        page.fill(f"#id_{name}", value)
    page.get_by_role("button", name="Admit", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text(values["patient_id"])


def miss_soon(stack: Stack, device_id: str) -> Callable[[], None]:
    """Let the device be offline when it was not heard for ten seconds; returns what discharges."""
    assignments = stack.get("/api/v1/assignments")["results"]
    (assignment,) = [
        one for one in assignments if one["device_id"] == device_id and one["until_us"] is None
    ]
    its = f"/api/v1/assignments/{assignment['assignment_id']}"
    stack.put(f"{its}/limits", {"limits": {"offline_s": 10}})
    return lambda: stack.post(f"{its}/discharge", None)


def log_in(page: Page, user: str, password: str) -> None:
    page.goto("/login/")
    page.fill("#id_username", user)
    page.fill("#id_password", password)
    page.click("button.primary")
    page.wait_for_url("**/")
