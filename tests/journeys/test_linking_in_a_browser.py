"""A person links an account with a mouse: what only a browser enforces (cookies, CSP) holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from integrations.models import YandexAccount
from integrations.sandbox import RunningSandbox, start_sandbox
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yandex(live_server: LiveServer, settings: Settings) -> Iterator[RunningSandbox]:
    """A stand-in that sends people back to this very server."""
    cache.clear()
    redirect = f"{live_server.url}/lk/integrations/yandex/callback"
    running = start_sandbox(redirect_uris=(redirect,))
    settings.YANDEX_OAUTH_URL = settings.YANDEX_LOGIN_URL = running.url
    settings.METRIKA_API_URL = running.url
    settings.YANDEX_CLIENT_ID = running.options.client_id
    settings.YANDEX_CLIENT_SECRET = running.options.client_secret
    settings.YANDEX_REDIRECT_URI = redirect
    policy = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    settings.CONTENT_SECURITY_POLICY = {
        "DIRECTIVES": policy | {"form-action": ["'self'", running.url]}
    }
    yield running
    running.close()


def sign_in(page: Page, server: LiveServer, person: User) -> None:
    page.goto(f"{server.url}/lk/integrations")
    page.locator("input[name=username]").fill(person.get_username())
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main button[type=submit], form button[type=submit]").last.click()
    expect(page.get_by_role("heading", name="Интеграции")).to_be_visible()


def test_person_links_an_account_with_a_mouse(
    page: Page, live_server: LiveServer, yandex: RunningSandbox, owner: User
) -> None:
    sign_in(page, live_server, owner)

    page.get_by_role("button", name="Подключить").click()
    page.get_by_text("okna-stolica@yandex.ru").click()
    page.get_by_role("button", name="Разрешить").click()

    page.wait_for_url("**/counters/add")
    expect(page.get_by_text("Аккаунт okna-stolica подключён.")).to_be_visible()
    assert YandexAccount.objects.get().state == "active"


def test_person_refuses_and_is_told_so(
    page: Page, live_server: LiveServer, yandex: RunningSandbox, owner: User
) -> None:
    sign_in(page, live_server, owner)

    page.get_by_role("button", name="Подключить").click()
    page.get_by_role("button", name="Отказать").click()

    expect(page.get_by_role("heading", name="Подключение отменено")).to_be_visible()
    assert not YandexAccount.objects.exists()
