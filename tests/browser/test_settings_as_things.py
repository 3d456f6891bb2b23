"""Settings copied, undone from their history, and a goal created, in a browser."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from counters.models import Counter
from tests.browser.conftest import MY_SITE
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)


def test_settings_are_copied_and_undone_and_a_goal_is_created(
    person: Person, page: Page, configured_counter: Counter
) -> None:
    Counter.objects.filter(pk=configured_counter.pk).update(price=Decimal("1500.50"))
    target = Counter.objects.get(number=MY_SITE)
    person.open_settings("Окна Столица")
    expect(page.get_by_text("Есть несохранённые изменения")).to_be_hidden()
    page.get_by_role("link", name="Копировать настройки в другие счетчики").click()
    page.get_by_label("Мой сайт").check()
    person.press("Показать отличия")
    expect(page.get_by_role("listitem").filter(has_text="Ценность звонка")).to_contain_text(
        "1 500,50"
    )
    person.press("Скопировать в 1 счетчик")
    expect(page.get_by_text("скопированы в 1 счетчик")).to_be_visible()
    assert Counter.objects.get(pk=target.pk).price == Decimal("1500.50")

    page.goto(person.url + reverse("counters:settings-history", args=[target.pk]))
    expect(page.get_by_text("Скопированы из «Окна Столица»")).to_be_visible()
    page.get_by_role("link", name="Вернуть, как было до изменения").click()
    page.get_by_role("dialog").get_by_role("button", name="Вернуть").click()
    expect(page.get_by_text("Прежние настройки возвращены.")).to_be_visible()
    assert Counter.objects.get(pk=target.pk).price is None

    person.open_settings("Мой сайт")
    page.locator("summary", has_text="Создать цель").click()
    field = page.get_by_label("Свой идентификатор")
    field.fill("phone-call")
    # As extensions do, or a dragged corner: htmx would copy it, which the content policy forbids.
    field.evaluate("field => { field.style.width = '200px'; }")
    field.press("Enter")
    expect(page.get_by_text("Цель «phone-call» создана в Метрике и выбрана.")).to_be_visible()
    expect(page.locator("#goal-menu")).not_to_have_attribute("open", "")
    expect(page.locator("#id_goal")).to_be_focused()
    person.save()
    goal = Counter.objects.get(pk=target.pk).goal
    assert goal is not None
    assert goal.identifier == "phone-call"
    assert person.browser_errors == []
