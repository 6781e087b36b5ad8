"""One demonstration and one browser for all tests in a browser."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from deploy.embedded import free_port
from tests.browser.steps import log_in
from tests.console_stack import Stack, running

BEDS = 4
_NAMES = ("chromium", "chromium-browser", "google-chrome")

_POLICY = "Content Security Policy"

Open = Callable[..., Page]


@pytest.fixture(scope="package")
def chromium() -> str:
    """Debian's Chromium; where there is none these tests skip, but in the CI they fail."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("HEARTWARD_TEST_REQUIRE_ALL"):
            pytest.fail("no Chromium: apt-get install chromium")
        pytest.skip("no Chromium")
    return found


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("demo")
    with running(folder, "--beds", str(BEDS), "--port", str(free_port())) as started:
        started.wait_for_beds(BEDS, within_s=40)
        yield started


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--autoplay-policy=user-gesture-required"],
        )
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def sessions() -> dict[str, StorageState]:
    """What the browser of each person held who has logged in: once for all tests."""
    return {}


@pytest.fixture
def open_page(stack: Stack, browser: Browser, sessions: dict[str, StorageState]) -> Iterator[Open]:
    """Open a page as somebody, in a browser of its own.

    An error in a page, or a page that breaks its own policy, fails the test.
    """
    contexts, errors = [], []

    def opened(path: str = "/", *, user: str = "", password: str = "", **given: Any) -> Page:
        name = user or stack.user
        context = browser.new_context(
            base_url=stack.address,
            viewport=given.pop("viewport", None),
            storage_state=sessions.get(name),
            **given,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if _POLICY in said.text else None)
        if name not in sessions:
            log_in(page, name, password or stack.password)
            sessions[name] = context.storage_state()
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not errors


@pytest.fixture(scope="package")
def people(stack: Stack) -> dict[str, tuple[str, str]]:
    """A viewer and a nurse of the demonstration, and a nurse of another ward."""
    password = "a long enough one 7"  # noqa: S105 (a test's)
    made = {}
    for name, role, ward in (
        ("vera", 1, "demonstration"),
        ("nina", 2, "demonstration"),
        ("otto", 2, "elsewhere"),
    ):
        body = {
            "username": name,
            "password": password,
            "memberships": [{"ward": ward, "role": role}],
        }
        stack.post("/api/v1/users", body)
        made[name] = (name, password)
    return made


@pytest.fixture(scope="package")
def axe() -> str:
    return (Path(__file__).parent / "axe.min.js").read_text()
