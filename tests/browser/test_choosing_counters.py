"""«Добавить счетчики», the list, and what is asked before something ends."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from cabinets.models import Cabinet
from counters.models import Counter
from integrations.models import YandexAccount
from tests.browser.conftest import MY_SITE, WINDOWS, Enter
from tests.calls.ledger import make_call, make_delivery
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)


def open_choice(person: Person, account: YandexAccount) -> None:
    person.page.goto(person.url + reverse("counters:add", args=[account.pk]))


def test_select_all_takes_only_what_may_be_chosen_and_counts(
    visitor: Person, page: Page, linked: YandexAccount
) -> None:
    open_choice(visitor, linked)
    boxes = page.locator("input[name=numbers]")
    add = page.get_by_role("button", name="Добавить", exact=True)
    open_ones = page.locator("input[name=numbers]:enabled").count()
    expect(add).to_be_disabled()

    page.get_by_label("Выбрать все").check()

    assert 0 < open_ones < boxes.count()
    expect(page.get_by_text(f"Выбрано: {open_ones}")).to_be_visible()
    barred = page.get_by_label("Клиника Урал").first
    expect(barred).to_be_disabled()
    expect(barred).to_have_accessible_description(
        "Просмотр Только просмотр: попросите владельца дать право на редактирование"
    )
    page.get_by_label("Выбрать все").uncheck()
    expect(page.get_by_text("Выбрано: 0")).to_be_visible()
    expect(add).to_be_disabled()


def test_search_narrows_what_select_all_takes_and_forgets_no_choice(
    visitor: Person, page: Page, linked: YandexAccount
) -> None:
    open_choice(visitor, linked)
    search = page.get_by_role("searchbox", name="Поиск по названию, сайту или номеру")
    rows = page.locator("tbody tr:visible")

    search.fill(str(WINDOWS))
    expect(rows).to_have_count(1)
    page.get_by_label("Выбрать все").check()
    search.fill("МОЙ САЙТ")
    expect(rows).to_have_count(1)
    page.get_by_label("Мой сайт").check()
    search.fill("такого нет")
    expect(page.get_by_text("Ничего не найдено.")).to_be_visible()
    search.fill("")
    expect(page.get_by_text("Выбрано: 2")).to_be_visible()
    visitor.press("Добавить")

    expect(page.get_by_text("Добавлено счетчиков: 2.")).to_be_visible()
    added = Counter.objects.values_list("number", "configured_at").order_by("number")
    assert list(added) == [(WINDOWS, None), (MY_SITE, None)]
    assert visitor.complaints == []


def test_search_finds_a_name_with_dots_by_a_word_without_them(
    visitor: Person, page: Page, linked: YandexAccount
) -> None:
    open_choice(visitor, linked)
    search = page.get_by_role("searchbox")

    for word in ("партнер", "ПАРТНЁР", "столёца"):
        search.fill(word)
        found = 0 if word == "столёца" else 1
        expect(page.locator("tbody tr:visible")).to_have_count(found)


def test_counter_that_is_here_already_is_ticked_and_not_counted(
    visitor: Person, page: Page, linked: YandexAccount, windows: Counter
) -> None:
    open_choice(visitor, linked)

    here = page.get_by_role("checkbox", name="Окна Столица okna-stolica.example")
    expect(here).to_be_checked()
    expect(here).to_be_disabled()
    expect(page.get_by_text("Выбрано: 0")).to_be_visible()
    expect(page.get_by_role("link", name="Отмена")).to_be_in_viewport()


def test_counters_are_chosen_without_scripts(
    enter: Enter, owner: User, linked: YandexAccount
) -> None:
    person = enter(owner, has_scripts=False)
    open_choice(person, linked)

    person.page.get_by_label("Мой сайт").check()
    person.press("Добавить")

    expect(person.page.get_by_role("heading", name="Мой сайт")).to_be_visible()
    assert Counter.objects.get().number == MY_SITE


def test_switch_turns_a_counter_off_without_leaving_the_list(
    visitor: Person, page: Page, set_up: Counter
) -> None:
    visitor.turn("Окна Столица", on=False)

    told = page.get_by_role("status")
    expect(told).to_contain_text("Отправка в «Окна Столица» выключена.")
    assert Counter.objects.get(pk=set_up.pk).enabled is False
    expect(visitor.switch("Окна Столица")).to_be_focused()
    expect(visitor.switch("Мой сайт")).to_have_attribute("aria-checked", "true")
    visitor.press("Закрыть сообщение")
    expect(told).to_be_empty()
    assert visitor.complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_second_press_at_the_same_place_turns_the_same_counter_back(
    enter: Enter, owner: User, set_up: Counter, width: int
) -> None:
    person = enter(owner, width=width)
    page = person.page
    page.goto(person.url + reverse("counters:list"))
    box = person.switch("Окна Столица").bounding_box()
    assert box is not None
    place = box["x"] + 5, box["y"] + 5

    page.mouse.click(*place)
    expect(person.switch("Окна Столица")).to_have_attribute("aria-checked", "false")
    expect(page.get_by_role("status")).to_contain_text("выключена")
    page.mouse.click(*place)
    expect(person.switch("Окна Столица")).to_have_attribute("aria-checked", "true")

    expect(page.get_by_role("status")).to_contain_text("включена")
    turned = Counter.objects.values_list("number", "enabled", "version")
    assert set(turned) == {(WINDOWS, True, 3), (MY_SITE, True, 1)}


@pytest.mark.parametrize("has_scripts", [True, False])
def test_turn_of_the_switch_can_be_taken_back_where_it_is_told(
    enter: Enter, owner: User, set_up: Counter, has_scripts: bool
) -> None:
    person = enter(owner, has_scripts=has_scripts)
    person.turn("Окна Столица", on=False)

    person.press("Вернуть")

    expect(person.switch("Окна Столица")).to_have_attribute("aria-checked", "true")
    expect(person.page.get_by_text("Отправка в «Окна Столица» включена.")).to_be_visible()
    assert Counter.objects.get(pk=set_up.pk).enabled is True


def test_counter_without_settings_does_not_look_as_if_it_worked(
    visitor: Person, page: Page, windows: Counter
) -> None:
    page.goto(visitor.url + reverse("counters:list"))

    expect(visitor.switch("Окна Столица")).to_be_disabled()
    expect(visitor.switch("Окна Столица")).to_have_attribute("aria-checked", "false")
    expect(page.get_by_text("Не настроен: ничего не отправляется")).to_have_count(2)
    page.get_by_role("link", name="Настроить счетчик «Окна Столица»").click()
    expect(page.get_by_role("heading", name="Окна Столица", exact=True)).to_be_visible()


def test_disconnecting_says_what_happens_and_can_be_left(
    visitor: Person, page: Page, windows: Counter, linked: YandexAccount, cabinet: Cabinet
) -> None:
    make_delivery(call=make_call(cabinet=cabinet), counter=windows)
    page.goto(visitor.url + reverse("counters:list"))

    page.get_by_role("link", name="Отключить").click()

    question = page.get_by_role("dialog")
    expect(question.get_by_role("heading")).to_have_text("Отключить аккаунт okna-stolica?")
    expect(question.get_by_role("link", name="Отмена")).to_be_focused()
    expect(question).to_contain_text("Счетчиков, в которые перестанут уходить звонки: 2.")
    expect(question).to_contain_text("Отправок, которые уже ждут и останутся ждать: 1.")
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(page.get_by_role("link", name="Отключить")).to_be_focused()
    expect(page).to_have_title("Интеграция с Яндекс.Метрикой · CallKeeper")
    linked.refresh_from_db()
    assert linked.state == YandexAccount.State.ACTIVE
    assert visitor.complaints == []


def test_disconnecting_is_done_when_confirmed(
    visitor: Person, page: Page, windows: Counter, linked: YandexAccount
) -> None:
    page.goto(visitor.url + reverse("counters:list"))

    page.get_by_role("link", name="Отключить").click()
    page.get_by_role("dialog").get_by_role("button", name="Отключить").click()

    expect(page.get_by_text("отключён").first).to_be_visible()
    linked.refresh_from_db()
    assert linked.state == YandexAccount.State.DISCONNECTED


def test_more_of_the_history_joins_what_is_shown(
    visitor: Person, page: Page, windows: Counter, cabinet: Cabinet
) -> None:
    for _number in range(60):
        make_delivery(call=make_call(cabinet=cabinet), counter=windows)
    page.goto(visitor.url + reverse("calls:history", args=[windows.pk]))
    rows = page.locator("#call-rows > tr")
    expect(rows).to_have_count(50)

    page.get_by_role("link", name="Показать ещё").click()

    expect(rows).to_have_count(60)
    expect(rows.nth(50).get_by_role("link").first).to_be_focused()
    expect(page.get_by_text("Это все записи")).to_be_visible()
    assert visitor.complaints == []
