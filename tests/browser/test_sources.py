"""«Источники звонков» as the person at the desk meets them."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Error, Page, expect

from cabinets.models import CallSource
from tests.browser.conftest import Enter
from tests.calls.posting import post_calls
from tests.factories import v3_record
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = re.compile(r"^whsec_[A-Za-z0-9+/=]{44}$")


def test_source_is_added_its_secret_changed_and_the_old_one_retired(
    visitor: Person, page: Page
) -> None:
    page.goto(f"{visitor.url}/lk/integrations/sources")
    page.get_by_role("link", name="Добавить источник").click()
    page.get_by_label("Название").fill("CRM")
    visitor.press("Добавить и показать секрет")
    first = page.get_by_text(SECRET).inner_text()

    page.get_by_role("link", name="Секрет сохранён, к источникам").click()
    page.get_by_role("link", name="Сменить секрет").click()
    visitor.press("Сменить и показать новый секрет")
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
    assert visitor.complaints == []


def test_values_can_be_copied_also_after_the_switch_was_turned(
    visitor: Person, page: Page, source: CallSource
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=visitor.url)
    page.goto(f"{visitor.url}/lk/integrations/sources")
    switch = page.get_by_role("switch", name="Приём звонков от источника «CallKeeper»")

    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    page.get_by_role("button", name="Скопировать: идентификатор источника").click()

    expect(page.get_by_role("button", name="Скопировано")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == source.public_id
    source.refresh_from_db()
    assert source.is_active is False
    assert visitor.complaints == []


def test_secret_is_not_shown_again_by_going_back(
    visitor: Person, page: Page, source: CallSource
) -> None:
    page.goto(f"{visitor.url}/lk/integrations/sources/{source.pk}/secret")
    visitor.press("Сменить и показать новый секрет")
    page.get_by_role("link", name="Секрет сохранён, к источникам").click()

    # The browser kept nothing: it would have to send the form again, and asks before it does.
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        page.go_back()

    expect(page.get_by_text("whsec_")).to_have_count(0)
    assert source.signing_secrets.count() == 2


def test_sources_are_kept_without_scripts(enter: Enter, owner: User, source: CallSource) -> None:
    person = enter(owner, has_scripts=False)
    person.page.goto(f"{person.url}/lk/integrations/sources")

    person.page.get_by_role("switch").click()
    expect(person.page.get_by_text("Источник «CallKeeper» выключен")).to_be_visible()
    person.page.get_by_role("link", name="Сменить секрет").click()
    person.press("Сменить и показать новый секрет")

    expect(person.page.get_by_text(SECRET)).to_be_visible()
    source.refresh_from_db()
    assert (source.is_active, source.signing_secrets.count()) == (False, 2)


def test_missing_name_is_told_beside_its_field_in_our_words(visitor: Person, page: Page) -> None:
    page.goto(f"{visitor.url}/lk/integrations/sources/add")

    visitor.press("Добавить и показать секрет")

    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(page).to_have_title("Ошибка: Добавить источник · CallKeeper")
    summary.get_by_role("link", name="Название").click()
    expect(page.get_by_label("Название")).to_be_focused()
    expect(page.get_by_label("Название")).to_have_accessible_description("Назовите источник.")


def test_secret_page_fits_a_phone(enter: Enter, owner: User, source: CallSource) -> None:
    person = enter(owner, width=360)
    person.page.goto(f"{person.url}/lk/integrations/sources/{source.pk}/secret")

    person.press("Сменить и показать новый секрет")

    expect(person.page.get_by_text(SECRET)).to_be_visible()
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert person.page.evaluate(wide) <= 0
    assert person.complaints == []
