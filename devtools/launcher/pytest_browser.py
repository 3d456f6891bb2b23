"""The fixtures `browser` (one a session) and `page` (one a test), on the first Chromium that works.

Without any, the tests that need one do not run and a box at the end says so; with CI=true or
CK_REQUIRE_BROWSER=1 they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, expect, sync_playwright

from devtools.launcher.chromium import BrowserNotFound, Chromium, browser_sources

NOTICE = "BROWSER TESTS NOT RUN"
LAUNCH_TIMEOUT_MS = 30_000
#: How long a test waits for what a page shows: as long as a loaded machine may need.
WAIT_MS = 30_000
# No requests to the internet, nothing that a container lacks.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium that has rendered a page."""
    with sync_playwright() as playwright:
        # Playwright runs an event loop in this thread, which Django takes for asynchronous code.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        expect.set_options(timeout=WAIT_MS)
        opened = open_browser(playwright)
        yield opened
        opened.close()
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a page in the Moscow time zone, with an empty browser profile."""
    context = browser.new_context(
        locale="ru-RU",
        timezone_id="Europe/Moscow",
        viewport={"width": 1280, "height": 900},
        # A colour that is just changing is neither the old nor the new one.
        reduced_motion="reduce",
    )
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


def open_browser(playwright: Playwright) -> Browser:
    """Return the first browser of `browser_sources` that renders a page."""
    reasons = []
    for name, get in browser_sources(playwright.chromium.executable_path):
        try:
            return _launch(playwright, get())
        except (BrowserNotFound, Error, OSError) as problem:
            reasons.append(f"{name}: {str(problem).splitlines()[0]}")
    raise _without_browser(reasons)


def _launch(playwright: Playwright, chromium: Chromium) -> Browser:
    opened = playwright.chromium.launch(
        executable_path=chromium.program,
        args=list(FLAGS),
        env={**os.environ, **chromium.environment},
        timeout=LAUNCH_TIMEOUT_MS,
    )
    page = opened.new_page()
    page.goto("data:text/html,<p>да</p>")
    page.close()
    return opened


def _without_browser(reasons: list[str]) -> BaseException:
    text = f"{NOTICE}: {'; '.join(reasons)}"
    if os.environ.get("CI") == "true" or os.environ.get("CK_REQUIRE_BROWSER") == "1":
        return pytest.fail.Exception(text, pytrace=False)
    return pytest.skip.Exception(text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a box with the number of tests that did not run, and why."""
    missed = [
        str(report.longrepr[2])
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and NOTICE in str(report.longrepr[2])
    ]
    if not missed:
        return
    reason = missed[0].partition(": ")[2].removeprefix(f"{NOTICE}: ")
    terminalreporter.section(f"{NOTICE}: {len(missed)} tests", sep="!", red=True, bold=True)
    for line in reason.split("; "):
        terminalreporter.line(f"  {line}")
    terminalreporter.line("  To run them: install Chromium, or CK_BROWSER=/path/to/chromium ./test")
    terminalreporter.line("!" * 60)
