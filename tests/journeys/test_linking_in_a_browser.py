"""Linking an account in a real browser, which enforces cookies and CSP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from callkeeper_metrika.csp import content_policy
from devtools.sandbox import RunningSandbox, start_sandbox
from integrations.models import YandexAccount
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yandex(live_server: LiveServer, settings: Settings) -> Iterator[RunningSandbox]:
    """A sandbox that redirects back to the live server."""
    cache.clear()
    redirect = f"{live_server.url}/lk/integrations/yandex/callback"
    running = start_sandbox(redirect_uris=(redirect,))
    settings.YANDEX_OAUTH_URL = settings.YANDEX_LOGIN_URL = running.url
    settings.METRIKA_API_URL = running.url
    settings.YANDEX_CLIENT_ID = running.options.client_id
    settings.YANDEX_CLIENT_SECRET = running.options.client_secret
    settings.YANDEX_REDIRECT_URI = redirect
    settings.CONTENT_SECURITY_POLICY = content_policy(running.url)
    yield running
    running.close()


def sign_in(page: Page, server: LiveServer, person: User) -> None:
    page.goto(f"{server.url}/lk/integrations")
    page.locator("input[name=username]").fill(person.get_username())
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main button[type=submit], form button[type=submit]").last.click()
    expect(page.get_by_role("heading", name="Интеграции")).to_be_visible()


def test_account_is_linked_with_the_mouse(
    page: Page, live_server: LiveServer, yandex: RunningSandbox, owner: User
) -> None:
    sign_in(page, live_server, owner)

    page.get_by_role("button", name="Подключить").click()
    page.get_by_text("okna-stolica@yandex.ru").click()
    page.get_by_role("button", name="Разрешить").click()

    page.wait_for_url("**/counters/add")
    expect(page.get_by_text("Аккаунт okna-stolica подключён.")).to_be_visible()
    assert YandexAccount.objects.get().state == "active"


def test_refused_consent_shows_that_linking_was_cancelled(
    page: Page, live_server: LiveServer, yandex: RunningSandbox, owner: User
) -> None:
    sign_in(page, live_server, owner)

    page.get_by_role("button", name="Подключить").click()
    page.get_by_role("button", name="Отказать").click()

    expect(page.get_by_role("heading", name="Подключение отменено")).to_be_visible()
    assert not YandexAccount.objects.exists()


PASSPORT = "https://passport.yandex.ru/auth"
REAL = "https://oauth.yandex.ru"


def answer_as_yandex(page: Page) -> None:
    """Answer requests to Yandex's real addresses: the consent page redirects to the sign-in.

    No packet leaves. Routes of Playwright do not see redirects, so CDP's Fetch is used.
    """
    browser = page.context.new_cdp_session(page)

    def answer(asked: dict[str, Any]) -> None:
        is_consent = asked["request"]["url"].startswith(f"{REAL}/authorize")
        said: dict[str, Any] = {"responseCode": 302 if is_consent else 200}
        if is_consent:
            said["responseHeaders"] = [{"name": "Location", "value": PASSPORT}]
        browser.send("Fetch.fulfillRequest", {"requestId": asked["requestId"], **said})

    browser.on("Fetch.requestPaused", answer)
    browser.send("Fetch.enable", {"patterns": [{"urlPattern": "https://*"}]})


def test_linking_without_a_yandex_session_redirects_to_its_sign_in(
    page: Page, live_server: LiveServer, settings: Settings, owner: User
) -> None:
    cache.clear()
    settings.YANDEX_OAUTH_URL = settings.YANDEX_LOGIN_URL = REAL
    settings.CONTENT_SECURITY_POLICY = content_policy(REAL)
    sign_in(page, live_server, owner)
    answer_as_yandex(page)

    page.get_by_role("button", name="Подключить").click()

    page.wait_for_url(PASSPORT)
