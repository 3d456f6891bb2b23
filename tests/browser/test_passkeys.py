"""A passkey is made, signs in without a password, and is asked for after one."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from cabinets.models import AuditEvent, Cabinet
from tests.browser.axe import violations_in_both_themes
from tests.factories import PASSWORD
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)

#: A reader of fingerprints in the computer, which recognises the person at once.
READER = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def look(page: Page, heading: str) -> None:
    """The tests of every page do not come here: a password is asked for before."""
    expect(page.get_by_role("heading", name=heading, level=1, exact=True)).to_be_visible()
    assert violations_in_both_themes(page) == []


def sign_out(page: Page) -> None:
    page.locator(".topbar__end .menu > summary").click()
    press(page, "Выйти")


def test_passkey_signs_in_and_protects_the_password(
    page: Page, live_server: LiveServer, settings: Settings, owner: User, cabinet: Cabinet
) -> None:
    # Browsers make passkeys for names only.
    settings.PUBLIC_URL = live_server.url.replace("127.0.0.1", "localhost")
    person = Person(page, settings.PUBLIC_URL)
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": READER})
    home = page.get_by_role("heading", name="Интеграции", exact=True)

    person.sign_in(owner.username, PASSWORD)
    page.goto(f"{person.url}/accounts/security/")
    page.get_by_role("link", name="Добавить ключ входа").click()
    page.get_by_label("Пароль").fill(PASSWORD)
    press(page, "Продолжить")
    look(page, "Добавить ключ входа")
    page.get_by_label("Название").fill("Ноутбук")
    press(page, "Создать ключ")
    expect(page.locator(".auth__codes li")).to_have_count(10)
    look(page, "Запасные коды")
    page.get_by_role("link", name="Коды сохранены").click()
    expect(page.get_by_text("Ноутбук")).to_be_visible()
    look(page, "Защита входа")
    page.get_by_role("link", name="Подключить приложение").click()
    look(page, "Подключить приложение")

    page.goto(f"{person.url}/lk/integrations")
    sign_out(page)
    press(page, "Ключ вместо пароля")
    expect(home).to_be_visible()

    sign_out(page)
    page.get_by_label("Логин или почта").fill(owner.username)
    page.get_by_label("Пароль", exact=True).fill(PASSWORD)
    press(page, "Войти")
    look(page, "Подтвердите вход")
    press(page, "Подтвердить ключом входа")
    expect(home).to_be_visible()

    sign_out(page)
    owner.set_unusable_password()  # support has sent a link
    owner.save()
    press(page, "Ключ вместо пароля")
    expect(page.get_by_text("Сначала задайте новый пароль по ссылке")).to_be_visible()
    owner.is_active = False
    owner.save()
    press(page, "Ключ вместо пароля")
    expect(page.get_by_text("Этот логин отключён.")).to_be_visible()

    assert person.browser_errors == []
    assert Authenticator.objects.get(type="webauthn").last_used_at is not None
    added = AuditEvent.objects.filter(action="authenticator.added").order_by("pk")
    assert [(one.actor, one.after["type"]) for one in added] == [
        (owner, "webauthn"),
        (owner, "recovery_codes"),
    ]
