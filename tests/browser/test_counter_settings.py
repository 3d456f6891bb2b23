"""The settings window in a browser: explicit saving, unsaved input, two editors."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Dialog, Page, Route, expect

from calls.models import Delivery, Redecision
from calls.states import Channel, DeliveryState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.browser.conftest import WINDOWS, OpenBrowser
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import control
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)

UNSAVED = "Есть несохранённые изменения"
#: More presses of Tab than it takes from the top of the window to its last button.
MANY = 120
#: Whether the focused element is covered by one of the sticky bars.
COVERED = """() => {
  const foot = document.querySelector(".settings-foot");
  const [box, upper, lower] = [document.activeElement, document.querySelector(".topbar"), foot]
    .map((element) => element.getBoundingClientRect());
  const isInside = foot.contains(document.activeElement);
  return !isInside && (box.top < upper.bottom || box.bottom > lower.top);
}"""


def test_settings_are_saved_only_by_the_save_button_and_shown_again(
    person: Person, page: Page, windows: Counter
) -> None:
    person.open_settings("Окна Столица")
    expect(page.get_by_text("Ничего не отправляется, пока настройки не сохранены")).to_be_visible()

    person.select("Достижение цели", "Обратный звонок (call)")
    person.choose("Тип звонка", "Только входящие звонки")
    page.get_by_role("checkbox", name="Статический коллтрекинг").uncheck()
    page.get_by_role("spinbutton", name="Длительность").fill("45")
    person.choose("Дополнительно", "Только целевые")
    person.choose("Тегирование", "Установить теги вручную")
    page.get_by_label("Для входящих звонков:").fill("Коллтрек")
    page.get_by_role("textbox", name="Ценность звонка").fill("1 500,5")
    expect(page.get_by_text(UNSAVED)).to_be_visible()
    before = Counter.objects.get(pk=windows.pk)
    person.save()

    assert (before.configured_at, before.min_duration_seconds) == (None, 0)
    saved = Counter.objects.get(pk=windows.pk)
    assert saved.configured_at is not None
    assert saved.goal is not None
    assert saved.goal.identifier == "call"
    assert (saved.call_kind, saved.accepts_dynamic, saved.accepts_static) == (
        "incoming",
        True,
        False,
    )
    assert (saved.min_duration_seconds, saved.uniqueness) == (45, "target")
    assert (saved.tag_mode, saved.manual_tag_incoming) == ("manual", "Коллтрек")
    assert saved.price == Decimal("1500.50")
    person.open_settings("Окна Столица")
    expect(page.get_by_role("radio", name="Только входящие звонки")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Статический коллтрекинг")).not_to_be_checked()
    expect(page.get_by_role("spinbutton", name="Длительность")).to_have_value("45")
    expect(page.get_by_label("Для входящих звонков:")).to_have_value("Коллтрек")
    expect(page.get_by_role("textbox", name="Ценность звонка")).to_have_value("1500,50")
    expect(page.get_by_text(UNSAVED)).to_be_hidden()
    assert person.browser_errors == []


def test_preview_follows_the_form_and_the_save_tells_what_it_did(
    person: Person, page: Page, configured_counter: Counter
) -> None:
    for seconds in (5, 40):
        store_call(cabinet=configured_counter.cabinet, duration_seconds=seconds)
    person.open_settings("Окна Столица")
    preview = page.locator("#settings-preview")
    expect(preview).to_contain_text("за последние 7 дней ушло бы 2 из 2 звонков")

    page.get_by_role("spinbutton", name="Длительность").fill("30")
    expect(preview).to_contain_text("ушло бы 1 из 2 звонков")
    expect(preview).to_contain_text("Разговор длился 5 с, а в настройке «Длительность» — от 30 с.")
    page.get_by_role("checkbox", name="Ждать тегов").check()
    page.get_by_text("Добавить правило", exact=True).click()
    page.get_by_role("button", name="Ещё одно правило").click()
    rules = page.get_by_role("group", name="Новое правило")
    rules.nth(0).get_by_label("Тег").fill("Спам")
    rules.nth(0).get_by_label("Ценность").fill("0")
    rules.nth(1).get_by_label("Ценность").fill("900")
    expect(preview).to_contain_text("Ценность этих звонков: 900 RUB")
    expect(page.get_by_role("link", name="За 7 дней ушло бы 1 из 2")).to_be_visible()
    person.save()

    expect(page.get_by_text("Из ждущих отправки звонков (2) — уйдут: 1;")).to_be_visible()
    expect(page.get_by_text("«тег «Спам» — 0 RUB; любой звонок — 900 RUB»")).to_be_visible()
    expect(page.get_by_text(UNSAVED)).to_be_hidden()
    saved = Counter.objects.get(pk=configured_counter.pk)
    assert (saved.min_duration_seconds, saved.hold_for_tags, saved.hold_hours) == (30, True, 24)
    assert person.browser_errors == []


def test_invalid_value_shows_an_error_at_its_field_and_saves_nothing(
    person: Person, page: Page, windows: Counter
) -> None:
    person.open_settings("Окна Столица")

    page.get_by_role("spinbutton", name="Длительность").fill("30")
    page.get_by_role("spinbutton", name="Отложенная отправка").fill("21")
    person.press("Сохранить")

    wrong = page.get_by_role("spinbutton", name="Отложенная отправка")
    expect(wrong).to_have_accessible_description(
        "Не больше 20: Метрика привязывает звонки к визитам 21 день."
    )
    expect(page).to_have_title("Ошибка: Окна Столица · CallKeeper")
    summary = page.get_by_role("alert").filter(has_text="Настройки не сохранены")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Отложенная отправка").click()
    expect(wrong).to_be_focused()
    expect(page.get_by_role("spinbutton", name="Длительность")).to_have_value("30")
    expect(page.get_by_text(UNSAVED)).to_be_visible()
    assert Counter.objects.get(pk=windows.pk).min_duration_seconds == 0


def test_leaving_with_unsaved_changes_asks_for_confirmation(
    person: Person, page: Page, windows: Counter
) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    person.open_settings("Окна Столица")
    address = page.url

    person.choose("Статус звонка", "Только успешные")
    page.get_by_role("link", name="Интеграция с Яндекс.Метрикой").click()
    expect(page.get_by_text(UNSAVED)).to_be_visible()

    assert (asked, page.url) == (["beforeunload"], address)
    page.get_by_role("link", name="Закрыть").first.click()
    assert (asked, page.url) == (["beforeunload"] * 2, address)
    person.save()
    page.get_by_role("link", name="Закрыть").first.click()
    expect(page.get_by_role("heading", name="Интеграция с Яндекс.Метрикой")).to_be_visible()
    assert len(asked) == 2


def test_second_editor_is_shown_the_conflict_and_may_overwrite(
    person: Person, page: Page, open_browser: OpenBrowser, manager: User, windows: Counter
) -> None:
    colleague = open_browser(manager)
    person.open_settings("Окна Столица")
    colleague.open_settings("Окна Столица")
    page.get_by_role("spinbutton", name="Длительность").fill("60")
    person.save()

    colleague.page.get_by_role("spinbutton", name="Длительность").fill("15")
    colleague.press("Сохранить")

    message = colleague.page.get_by_role("alert").filter(has_text="Последнее изменение")
    expect(message).to_contain_text("owner@example.ru")
    expect(message).to_contain_text("сохранено «60», у вас «15»")
    assert Counter.objects.get(pk=windows.pk).min_duration_seconds == 60
    colleague.save()
    assert Counter.objects.get(pk=windows.pk).min_duration_seconds == 15


#: Controls of the form that the keyboard has to reach.
REACHABLE = {
    *("goal", "send_calls", "call_kind", "skip_technical", "last_attempt_only", "defer_value"),
    *("defer_unit", "tag_mode", "uniqueness", "site_mode", "campaigns", "price", "currency"),
    *("phone_mode", "identifier_order"),
}


def test_settings_can_be_changed_and_saved_with_the_keyboard(
    person: Person, page: Page, windows: Counter
) -> None:
    person.open_settings("Окна Столица")
    reached: list[str] = []

    page.get_by_role("switch").focus()
    for _press in range(MANY):
        page.keyboard.press("Tab")
        place = page.evaluate("document.activeElement.name || document.activeElement.textContent")
        reached.append(place.strip())
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        assert not page.evaluate(COVERED), place
        if place == "call_status":
            page.keyboard.press("ArrowDown")
        if place == "min_duration":
            page.keyboard.type("90")
        if place.strip() == "Сохранить":
            page.keyboard.press("Enter")
            break

    expect(page.get_by_text("Настройки сохранены.")).to_be_visible()
    saved = Counter.objects.get(pk=windows.pk)
    assert (saved.call_status, saved.min_duration_seconds) == ("success", 90)
    assert set(reached) >= REACHABLE


def test_refreshing_goals_keeps_unsaved_input(
    person: Person, page: Page, windows: Counter, yandex: RunningSandbox
) -> None:
    person.open_settings("Окна Столица")
    person.select("Достижение цели", "Обратный звонок (call)")
    page.get_by_role("spinbutton", name="Длительность").fill("45")
    address = page.url
    control(yandex, "goals", counter=WINDOWS, name="Новая", identifier="brand-new")

    person.press("Обновить цели")

    expect(page.get_by_role("status")).to_contain_text("Список целей обновлён.")
    goal = page.get_by_role("combobox", name="Достижение цели")
    expect(goal.get_by_role("option", name="Новая (brand-new)")).to_have_count(1)
    expect(goal.locator("option:checked")).to_have_text("Обратный звонок (call)")
    expect(page.get_by_role("spinbutton", name="Длительность")).to_have_value("45")
    expect(page.get_by_text(UNSAVED)).to_be_visible()
    assert page.url == address
    assert Counter.objects.get(pk=windows.pk).version == 1
    assert person.browser_errors == []


def test_edits_made_before_the_script_is_loaded_are_unsaved(
    person: Person, page: Page, windows: Counter
) -> None:
    held: list[Route] = []
    page.route("**/unsaved*.js", lambda route: held.append(route))
    address = reverse("counters:settings", args=[windows.pk])
    page.goto(f"{person.url}{address}", wait_until="commit")
    page.get_by_role("spinbutton", name="Длительность").fill("45")
    expect(page.get_by_text(UNSAVED)).to_be_hidden()

    held[0].continue_()

    expect(page.get_by_text(UNSAVED)).to_be_visible()
    page.get_by_role("spinbutton", name="Длительность").fill(str(windows.min_duration_seconds))
    expect(page.get_by_text(UNSAVED)).to_be_hidden()


def test_settings_work_without_javascript(
    open_browser: OpenBrowser, owner: User, windows: Counter
) -> None:
    person = open_browser(owner, has_scripts=False)
    person.open_settings("Окна Столица")

    person.press("Обновить цели")
    expect(person.page.get_by_text("Список целей обновлён.")).to_be_visible()
    person.page.get_by_role("spinbutton", name="Длительность").fill("20")
    person.save()

    assert Counter.objects.get(pk=windows.pk).min_duration_seconds == 20


def test_viewer_sees_the_settings_and_cannot_change_them(
    open_browser: OpenBrowser, viewer: User, windows: Counter
) -> None:
    person = open_browser(viewer)

    person.open_settings("Окна Столица")

    expect(person.page.get_by_role("spinbutton", name="Длительность")).to_be_disabled()
    expect(person.page.get_by_role("button", name="Сохранить")).to_have_count(0)
    expect(person.page.get_by_text("Вы можете смотреть настройки.")).to_be_visible()


def test_viewer_sees_the_dependent_fields_of_the_chosen_settings(
    open_browser: OpenBrowser, viewer: User, windows: Counter
) -> None:
    Counter.objects.filter(pk=windows.pk).update(
        call_kind="incoming",
        tag_mode="manual",
        manual_tag_incoming="Коллтрек",
        site_mode="list",
        site_hosts=["okna.ru"],
        defer_value=3,
    )
    person = open_browser(viewer)

    person.open_settings("Окна Столица")

    page = person.page
    expect(page.get_by_role("checkbox", name="Статический коллтрекинг")).to_be_visible()
    expect(page.get_by_label("Для входящих звонков:")).to_have_value("Коллтрек")
    expect(page.get_by_label("Для входящих звонков:")).to_be_visible()
    expect(page.get_by_role("textbox", name="Выбранные сайты")).to_have_value("okna.ru")
    expect(page.get_by_role("textbox", name="Выбранные сайты")).to_be_visible()
    expect(page.get_by_text("Чем дольше ждать, тем больше звонков")).to_be_visible()


def test_tag_fields_are_shown_only_for_call_kinds_that_are_sent(
    person: Person, page: Page, windows: Counter
) -> None:
    person.open_settings("Окна Столица")

    person.choose("Тегирование", "Установить теги вручную")
    expect(page.get_by_label("Для обратных звонков:")).to_be_visible()
    expect(page.get_by_label("Для входящих звонков:")).to_be_visible()

    person.choose("Тип звонка", "Только входящие звонки")
    expect(page.get_by_label("Для обратных звонков:")).to_be_hidden()
    expect(page.get_by_label("Для входящих звонков:")).to_be_visible()


def test_switching_off_shows_what_happens_to_waiting_calls(
    person: Person, page: Page, windows: Counter
) -> None:
    person.open_settings("Окна Столица")
    message = page.get_by_text("подождут и уйдут после включения")
    expect(message).to_be_hidden()

    page.get_by_role("switch").uncheck()
    expect(message).to_be_visible()

    page.get_by_role("switch").check()
    expect(message).to_be_hidden()


def test_invalid_price_marks_only_the_price_field(
    person: Person, page: Page, windows: Counter
) -> None:
    person.open_settings("Окна Столица")

    page.get_by_role("textbox", name="Ценность звонка").fill("дорого")
    person.press("Сохранить")

    frame = "(control) => getComputedStyle(control).borderColor"
    price = page.get_by_role("textbox", name="Ценность звонка")
    expect(price).to_have_attribute("aria-invalid", "true")
    currency = page.get_by_role("combobox", name="Валюта").evaluate(frame)
    assert price.evaluate(frame) != currency
    assert currency == page.get_by_role("combobox", name="Единица времени").evaluate(frame)


def test_first_save_asks_what_to_do_with_the_calls_that_wait(
    person: Person, page: Page, windows: Counter
) -> None:
    call = store_call(cabinet=windows.cabinet, started_at=timezone.now())
    person.open_settings("Окна Столица")
    expect(page.get_by_text("после добавления счетчика: 1. Они ждут настроек.")).to_be_visible()

    person.press("Сохранить")
    expect(page.get_by_text("Выберите, что сделать с этими звонками.").first).to_be_visible()
    assert Counter.objects.get(pk=windows.pk).configured_at is None

    person.choose("Звонки, которые пришли до сохранения", "Отправить их по этим настройкам")
    person.press("Сохранить")
    expect(
        page.get_by_text("Из звонков, которые пришли до сохранения (1), отправим: 1.")
    ).to_be_visible()
    row = Delivery.objects.get(call_id=call.pk, counter=windows, channel=Channel.CALLS)
    assert row.state == DeliveryState.WAITING


def test_progress_of_a_re_decision_is_renewed_without_losing_unsaved_input(
    person: Person, page: Page, configured_counter: Counter
) -> None:
    Redecision.objects.create(
        counter=configured_counter, requested_at=timezone.now(), total=10, done=4
    )
    person.open_settings("Окна Столица")
    expect(page.locator("#redecision")).to_contain_text("Пересчитываем звонки")
    page.get_by_role("spinbutton", name="Длительность").fill("45")

    Redecision.objects.all().delete()

    expect(page.locator("#redecision")).to_contain_text("Звонки пересчитаны")
    expect(page.locator("#redecision[hx-get]")).to_have_count(0)
    expect(page.get_by_role("spinbutton", name="Длительность")).to_have_value("45")
    assert person.browser_errors == []
