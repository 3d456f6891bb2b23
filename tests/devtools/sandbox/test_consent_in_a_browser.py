from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from devtools.sandbox import RunningSandbox, start_sandbox
from tests.devtools.sandbox.actor import Actor


@pytest.fixture
def linked_site(sandbox: RunningSandbox) -> Iterator[Actor]:
    """A sandbox whose application is at another address."""
    running = start_sandbox(redirect_uris=(sandbox.url + "/",))
    actor = Actor(running)
    yield actor
    actor.browser.close()
    running.close()


def address(actor: Actor) -> str:
    url = actor.see_consent().request.url
    assert url is not None
    return url


@pytest.mark.parametrize("width", [320, 1280])
def test_person_chooses_an_account_and_allows(
    linked_site: Actor, page: Page, sandbox: RunningSandbox, width: int
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(address(linked_site))
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    colour = page.evaluate("getComputedStyle(document.querySelector('.banner')).backgroundColor")

    page.get_by_label("Илья Агентский").check()
    page.get_by_role("button", name="Разрешить").click()
    page.wait_for_url(sandbox.url + "/?code=*")

    assert overflow <= 0
    assert colour == "rgb(255, 220, 96)"
    assert [text for text in complaints if "Security" in text] == []


def test_person_refuses_without_choosing_an_account(
    linked_site: Actor, page: Page, sandbox: RunningSandbox
) -> None:
    page.goto(address(linked_site))

    page.get_by_role("button", name="Отказать").click()
    page.wait_for_url(sandbox.url + "/?error=access_denied*")

    assert "state=st4te" in page.url


def test_consent_page_works_with_the_keyboard_alone(
    linked_site: Actor, page: Page, sandbox: RunningSandbox
) -> None:
    page.goto(address(linked_site))

    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")

    page.wait_for_url(sandbox.url + "/?code=*")
