"""Adding counters, the counter list, and the confirmation dialogs."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from cabinets.models import Cabinet
from counters.models import Counter
from integrations.models import YandexAccount
from tests.browser.conftest import MY_SITE, WINDOWS, OpenBrowser
from tests.calls.ledger import make_call, make_delivery
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)


def open_choice(person: Person, account: YandexAccount) -> None:
    person.page.goto(person.url + reverse("counters:add", args=[account.pk]))


def test_select_all_selects_and_counts_only_enabled_counters(
    person: Person, page: Page, linked: YandexAccount
) -> None:
    open_choice(person, linked)
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
        "Просмотр Звонки отправлять нельзя: попросите владельца дать право на редактирование"
    )
    page.get_by_label("Выбрать все").uncheck()
    expect(page.get_by_text("Выбрано: 0")).to_be_visible()
    expect(add).to_be_disabled()


def test_select_all_applies_to_the_search_results_and_keeps_earlier_choices(
    person: Person, page: Page, linked: YandexAccount
) -> None:
    open_choice(person, linked)
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
    person.press("Добавить")

    expect(page.get_by_text("Добавлено счетчиков: 2.")).to_be_visible()
    added = Counter.objects.values_list("number", "configured_at").order_by("number")
    assert list(added) == [(WINDOWS, None), (MY_SITE, None)]
    assert person.browser_errors == []


def test_search_treats_yo_and_ye_as_one_letter(
    person: Person, page: Page, linked: YandexAccount
) -> None:
    open_choice(person, linked)
    search = page.get_by_role("searchbox", name="Поиск по названию, сайту или номеру")

    for word in ("партнер", "ПАРТНЁР", "столёца"):
        search.fill(word)
        found = 0 if word == "столёца" else 1
        expect(page.locator("tbody tr:visible")).to_have_count(found)


def test_added_counter_is_checked_disabled_and_not_counted(
    person: Person, page: Page, linked: YandexAccount, windows: Counter
) -> None:
    open_choice(person, linked)

    here = page.get_by_role("checkbox", name="Окна Столица okna-stolica.example")
    expect(here).to_be_checked()
    expect(here).to_be_disabled()
    expect(page.get_by_text("Выбрано: 0")).to_be_visible()
    expect(page.get_by_role("link", name="Отмена")).to_be_in_viewport()


def test_counters_can_be_added_without_javascript(
    open_browser: OpenBrowser, owner: User, linked: YandexAccount
) -> None:
    person = open_browser(owner, has_scripts=False)
    open_choice(person, linked)

    person.page.get_by_label("Мой сайт").check()
    person.press("Добавить")

    expect(person.page.get_by_role("heading", name="Мой сайт")).to_be_visible()
    assert Counter.objects.get().number == MY_SITE


def test_switch_turns_a_counter_off_without_leaving_the_list(
    person: Person, page: Page, configured_counter: Counter
) -> None:
    person.turn("Окна Столица", on=False)

    message = page.get_by_role("status")
    expect(message).to_contain_text("Отправка в «Окна Столица» выключена.")
    assert Counter.objects.get(pk=configured_counter.pk).enabled is False
    expect(person.switch("Окна Столица")).to_be_focused()
    expect(person.switch("Мой сайт")).to_have_attribute("aria-checked", "true")
    person.press("Закрыть сообщение")
    expect(message).to_be_empty()
    assert person.browser_errors == []


@pytest.mark.parametrize("width", [390, 1280])
def test_second_click_at_the_same_place_switches_the_same_counter_back(
    open_browser: OpenBrowser, owner: User, configured_counter: Counter, width: int
) -> None:
    person = open_browser(owner, width=width)
    page = person.page
    page.goto(person.url + reverse("counters:list"))
    person.switch("Окна Столица").scroll_into_view_if_needed()
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
def test_switch_can_be_undone_from_its_message(
    open_browser: OpenBrowser, owner: User, configured_counter: Counter, has_scripts: bool
) -> None:
    person = open_browser(owner, has_scripts=has_scripts)
    person.turn("Окна Столица", on=False)

    person.press("Вернуть")

    expect(person.switch("Окна Столица")).to_have_attribute("aria-checked", "true")
    expect(person.page.get_by_text("Отправка в «Окна Столица» включена.")).to_be_visible()
    assert Counter.objects.get(pk=configured_counter.pk).enabled is True


def test_counter_without_settings_is_shown_as_not_sending(
    person: Person, page: Page, windows: Counter
) -> None:
    page.goto(person.url + reverse("counters:list"))

    expect(person.switch("Окна Столица")).to_be_disabled()
    expect(person.switch("Окна Столица")).to_have_attribute("aria-checked", "false")
    expect(page.get_by_text("Не настроен: ничего не отправляется")).to_have_count(2)
    page.get_by_role("link", name="Настроить счетчик «Окна Столица»").click()
    expect(page.get_by_role("heading", name="Окна Столица", exact=True)).to_be_visible()


def test_disconnect_dialog_lists_the_consequences_and_can_be_cancelled(
    person: Person, page: Page, windows: Counter, linked: YandexAccount, cabinet: Cabinet
) -> None:
    make_delivery(call=make_call(cabinet=cabinet), counter=windows)
    page.goto(person.url + reverse("counters:list"))

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
    assert person.browser_errors == []


def test_confirmed_disconnect_disconnects_the_account(
    person: Person, page: Page, windows: Counter, linked: YandexAccount
) -> None:
    page.goto(person.url + reverse("counters:list"))

    page.get_by_role("link", name="Отключить").click()
    page.get_by_role("dialog").get_by_role("button", name="Отключить").click()

    expect(page.get_by_text("отключён").first).to_be_visible()
    linked.refresh_from_db()
    assert linked.state == YandexAccount.State.DISCONNECTED


def test_show_more_appends_rows_to_the_history(
    person: Person, page: Page, windows: Counter, cabinet: Cabinet
) -> None:
    for _number in range(60):
        make_delivery(call=make_call(cabinet=cabinet), counter=windows)
    page.goto(person.url + reverse("calls:history", args=[windows.pk]))
    rows = page.locator("#call-rows > tr")
    expect(rows).to_have_count(50)

    page.get_by_role("link", name="Показать ещё").click()

    expect(rows).to_have_count(60)
    expect(rows.nth(50).get_by_role("link").first).to_be_focused()
    expect(page.get_by_text("Это все записи")).to_be_visible()
    assert person.browser_errors == []
