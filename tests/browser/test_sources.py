"""The page «Источники звонков» in a browser."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Error, Page, expect

from cabinets.models import CallSource
from tests.browser.conftest import OpenBrowser
from tests.calls.posting import post_calls
from tests.factories import v3_record
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = re.compile(r"^whsec_[A-Za-z0-9+/=]{44}$")


def test_source_is_added_its_secret_rotated_and_the_old_one_retired(
    person: Person, page: Page
) -> None:
    page.goto(f"{person.url}/lk/integrations/sources")
    page.get_by_role("link", name="Получить секрет").click()
    page.get_by_label("Название").fill("CRM")
    person.press("Добавить и показать секрет")
    first = page.get_by_text(SECRET).inner_text()

    page.get_by_role("link", name="Секрет сохранён, к источникам").click()
    page.get_by_role("link", name="Сменить секрет").click()
    person.press("Сменить и показать новый секрет")
    second = page.get_by_text(SECRET).inner_text()
    page.get_by_role("link", name="Секрет сохранён, к источникам").click()
    page.get_by_role("link", name="Отозвать старый секрет").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("сразу начнут получать отказ 401")
    question.get_by_role("button", name="Отозвать").click()

    expect(page.get_by_text("Секрет источника «CRM» отозван.")).to_be_visible()
    source = CallSource.objects.get()
    assert [str(one.secret) for one in source.signing_secrets.all()] == [second]
    assert post_calls(v3_record(), source=source, secret=first).status_code == 401
    assert post_calls(v3_record(), source=source, secret=second).status_code == 202
    assert person.browser_errors == []


def test_source_id_can_be_copied_after_the_switch_was_used(
    person: Person, page: Page, source: CallSource
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=person.url)
    page.goto(f"{person.url}/lk/integrations/sources")
    switch = page.get_by_role("switch", name="Приём звонков от источника «CallKeeper»")

    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    page.get_by_role("button", name="Скопировать: идентификатор источника").click()

    expect(page.get_by_role("button", name="Скопировано")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == source.public_id
    source.refresh_from_db()
    assert source.is_active is False
    assert person.browser_errors == []


def test_back_button_does_not_show_the_secret_again(
    person: Person, page: Page, source: CallSource
) -> None:
    page.goto(f"{person.url}/lk/integrations/sources/{source.pk}/secret")
    person.press("Сменить и показать новый секрет")
    page.get_by_role("link", name="Секрет сохранён, к источникам").click()

    # The page is not cached: the browser would have to send the form again.
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        page.go_back()

    expect(page.get_by_text("whsec_")).to_have_count(0)
    assert source.signing_secrets.count() == 2


def test_sources_can_be_managed_without_javascript(
    open_browser: OpenBrowser, owner: User, source: CallSource
) -> None:
    person = open_browser(owner, has_scripts=False)
    person.page.goto(f"{person.url}/lk/integrations/sources")

    person.page.get_by_role("switch").click()
    expect(person.page.get_by_text("Источник «CallKeeper» выключен")).to_be_visible()
    person.page.get_by_role("link", name="Сменить секрет").click()
    person.press("Сменить и показать новый секрет")

    expect(person.page.get_by_text(SECRET)).to_be_visible()
    source.refresh_from_db()
    assert (source.is_active, source.signing_secrets.count()) == (False, 2)


def test_missing_name_shows_our_error_at_its_field(person: Person, page: Page) -> None:
    page.goto(f"{person.url}/lk/integrations/sources/add")

    person.press("Добавить и показать секрет")

    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(page).to_have_title("Ошибка: Добавить источник · CallKeeper")
    summary.get_by_role("link", name="Название").click()
    expect(page.get_by_label("Название")).to_be_focused()
    expect(page.get_by_label("Название")).to_have_accessible_description("Назовите источник.")


def test_secret_page_fits_a_phone(
    open_browser: OpenBrowser, owner: User, source: CallSource
) -> None:
    person = open_browser(owner, width=360)
    person.page.goto(f"{person.url}/lk/integrations/sources/{source.pk}/secret")

    person.press("Сменить и показать новый секрет")

    expect(person.page.get_by_text(SECRET)).to_be_visible()
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert person.page.evaluate(wide) <= 0
    assert person.browser_errors == []
