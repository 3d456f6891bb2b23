"""The state of a counter: the first thing for which calls cannot flow, the same on every page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet, CallSource
from calls.queries.flow import FAILED_ATTEMPTS, LAST_UPLOADS
from counters.models import Counter
from counters.pages.status import OFF_SENTENCE
from dashboard.counter_states import SILENT_AFTER, CounterState, counter_states
from dashboard.integrations_page import page_context
from integrations.models import RequestDay, YandexAccount
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.stored import store_call
from tests.responses import messages_of, text_of

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def flowing(cabinet: Cabinet) -> CallSource:
    """A source that sent a call an hour ago."""
    make_call(cabinet=cabinet)
    return factories.make_source(cabinet=cabinet, last_used_at=NOW - timedelta(hours=1))


def state_of(counter: Counter) -> CounterState:
    loaded = Counter.objects.with_details().get(pk=counter.pk)
    return counter_states(loaded.cabinet, [loaded], now=timezone.now())[counter.pk]


def words(counter: Counter) -> tuple[str, str, str]:
    state = state_of(counter)
    return str(state.text), state.tone, state.cure_url


SOURCES = "/lk/integrations/sources"
LIST = "/lk/integrations/yandex#accounts-title"


def test_everything_flows(counter: Counter, flowing: CallSource) -> None:
    assert words(counter) == ("Подключено и работает", "success", "")


@pytest.mark.parametrize(
    ("fields", "of_account", "text", "cure"),
    [
        ({"enabled": False}, {}, "Выключен", "settings"),
        ({"configured_at": None}, {}, "Не настроен: ничего не отправляется", "settings"),
        ({"send_calls": False}, {}, "Ничего не выбрано для отправки", "settings"),
        ({"access": "lost"}, {}, "Доступ потерян", "list"),
        ({"stopped_cause": "goals_full"}, {}, "В счетчике нет места для новых целей", "settings"),
        (
            {"access": "lost", "enabled": False},
            {"state": "reauth_required"},
            "Требуется переподключение",
            "list",
        ),
    ],
)
def test_first_thing_that_is_wrong_is_named_with_its_cure(
    counter: Counter, fields: dict[str, Any], of_account: dict[str, Any], text: str, cure: str
) -> None:
    """Also without a source: what is wrong with the counter itself comes first."""
    Counter.objects.update(**fields)
    YandexAccount.objects.update(**of_account or {"login": "okna"})
    settings = reverse("counters:settings", args=[counter.pk])

    shown, _tone, url = words(counter)

    assert (shown, url) == (text, {"settings": settings, "list": LIST}[cure])


def test_counter_without_an_active_source(counter: Counter, cabinet: Cabinet) -> None:
    make_call(cabinet=cabinet)
    factories.make_source(cabinet=cabinet, is_active=False, last_used_at=NOW)

    assert words(counter) == ("Нет источника звонков", "warning", SOURCES)


def test_counter_before_the_first_call(counter: Counter, cabinet: Cabinet) -> None:
    factories.make_source(cabinet=cabinet, last_used_at=NOW)

    assert words(counter) == ("Подключено, ждём первый звонок", "info", SOURCES)


@pytest.mark.parametrize("last_used_at", [NOW, None], ids=["used", "never used"])
def test_sources_are_silent_after_a_week(
    counter: Counter, cabinet: Cabinet, clock: Any, last_used_at: datetime | None
) -> None:
    make_call(cabinet=cabinet, started_at=NOW, received_at=NOW)
    factories.make_source(cabinet=cabinet, last_used_at=last_used_at)

    clock.move_to(NOW + SILENT_AFTER - timedelta(seconds=1))
    assert state_of(counter).is_fine
    clock.move_to(NOW + SILENT_AFTER)
    assert words(counter) == ("Звонки не приходят", "warning", SOURCES)
    assert state_of(counter).sentence == (
        "С 10 июня, 15:00 источники ничего не присылали: проверьте, передаёт ли CallKeeper звонки."
    )


def test_source_that_is_switched_off_sends_nothing(counter: Counter, cabinet: Cabinet) -> None:
    switched_off = factories.make_source(cabinet=cabinet, is_active=False)
    make_call(cabinet=cabinet, source=switched_off, received_at=NOW)
    factories.make_source(
        cabinet=cabinet, name="Другой", last_used_at=NOW - SILENT_AFTER - timedelta(days=1)
    )

    assert words(counter)[0] == "Звонки не приходят"


@pytest.mark.usefixtures("flowing")
def test_last_uploads_that_failed_are_named_until_one_is_taken(counter: Counter) -> None:
    history = reverse("calls:history", args=[counter.pk])
    make_upload(counter=counter, created_at=NOW - timedelta(hours=9))
    for hours in range(LAST_UPLOADS):
        assert state_of(counter).tone == ("warning" if hours else "success")
        make_upload(
            counter=counter,
            state="needs_attention",
            attention="rejected",
            created_at=NOW - timedelta(hours=8 - hours),
            uploading_id=None,
        )

    assert words(counter) == (
        "Последние выгрузки не прошли",
        "danger",
        f"{history}?state=needs_attention",
    )
    make_upload(counter=counter, created_at=NOW)
    assert state_of(counter).tone == "warning"


@pytest.mark.usefixtures("flowing")
def test_upload_that_is_repeated_counts_after_some_attempts(counter: Counter) -> None:
    upload = make_upload(counter=counter, state="later", uploading_id=None, attempts=1)
    assert state_of(counter).is_fine

    type(upload).objects.update(attempts=FAILED_ATTEMPTS)

    shown, tone, url = words(counter)
    assert (shown, tone) == ("Последние выгрузки не прошли", "warning")
    assert url.endswith("?state=batched")


@pytest.mark.usefixtures("flowing")
def test_upload_that_metrika_has_after_all_is_no_failure(counter: Counter) -> None:
    make_upload(counter=counter, state="needs_attention", attention="no_outcome")

    assert state_of(counter).text == "Есть выгрузки, которые требуют внимания"


@pytest.mark.usefixtures("flowing")
def test_pause_is_named_on_every_page(counter: Counter) -> None:
    RequestDay.objects.create(
        yandex_uid=counter.account.yandex_uid,
        day=NOW.date(),
        paused_until=NOW + timedelta(hours=1),
    )

    state = state_of(counter)
    assert (str(state.text), state.tone) == ("Исчерпан лимит запросов Яндекса", "warning")
    assert state.sentence == "Исчерпан лимит запросов Яндекса: продолжим 10 июня, 16:00."


@pytest.mark.parametrize("count", [1, 30])
def test_states_take_the_same_queries_for_any_number_of_counters(
    account: YandexAccount, django_assert_num_queries: Any, count: int
) -> None:
    for _each in range(count):
        make_upload(
            counter=factories.make_counter(account=account),
            state="needs_attention",
            attention="rejected",
        )
    counters = list(Counter.objects.with_details())

    with django_assert_num_queries(8):
        assert len(counter_states(account.cabinet, counters, now=NOW)) == count


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Подключено и работает"),
        ({"enabled": False}, "Выключен"),
        ({"access": "lost"}, "Доступ потерян"),
        ({"configured_at": None}, "Не настроен: ничего не отправляется"),
    ],
)
@pytest.mark.usefixtures("flowing")
def test_list_settings_and_card_agree(
    owner_client: Client, counter: Counter, fields: dict[str, Any], text: str
) -> None:
    Counter.objects.update(goals_refreshed_at=NOW, **fields)

    card = page_context(counter.cabinet)["card"]
    listed = text_of(owner_client.get("/lk/integrations/yandex"))
    window = text_of(owner_client.get(reverse("counters:settings", args=[counter.pk])))

    assert str(card.text) == text
    assert f">{text}</strong>" in window
    # The list names what is not as it should be.
    assert (f">{text}</span>" in listed) is bool(fields)


@pytest.mark.usefixtures("flowing")
def test_card_shows_the_worst_state_and_how_many_counters_have_it(
    cabinet: Cabinet, account: YandexAccount, counter: Counter
) -> None:
    factories.make_counter(account=account, enabled=False)
    factories.make_counter(account=account, access="lost")

    card = page_context(cabinet)["card"]

    assert (card.text, card.look) == ("1 из 3 счетчиков: «Доступ потерян»", "waits")


@pytest.mark.usefixtures("flowing")
def test_card_shows_an_account_that_has_no_counters(cabinet: Cabinet, counter: Counter) -> None:
    factories.make_account(cabinet=cabinet, state="reauth_required")

    assert str(page_context(cabinet)["card"].text) == "Требуется переподключение"


def test_card_of_an_account_without_counters(cabinet: Cabinet, account: YandexAccount) -> None:
    card = page_context(cabinet)["card"]

    assert (str(card.text), card.look) == ("Подключено, счетчики не выбраны", "idle")


@pytest.mark.parametrize(
    ("fields", "of_account"),
    [
        ({"enabled": False}, {}),
        ({"access": "view_only"}, {}),
        ({"access": "deleted"}, {}),
        ({"stopped_cause": "in_connect"}, {}),
        ({}, {"state": "reauth_required"}),
        ({}, {"state": "reauth_required", "state_reason": "scope_lost"}),
        ({}, {"state": "disconnected", "access_token": "", "refresh_token": ""}),
    ],
)
@pytest.mark.usefixtures("flowing")
def test_call_that_waits_says_what_its_counter_says(
    owner_client: Client, counter: Counter, fields: dict[str, Any], of_account: dict[str, Any]
) -> None:
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter)
    Counter.objects.update(goals_refreshed_at=NOW, **fields)
    YandexAccount.objects.update(**of_account or {"login": "okna"})
    sentence = str(state_of(counter).sentence)

    for page in (
        reverse("calls:journey", args=[call.pk]),
        reverse("calls:history", args=[counter.pk]),
        reverse("counters:settings", args=[counter.pk]),
    ):
        assert sentence in text_of(owner_client.get(page))


def test_switch_is_explained_in_the_same_words_everywhere(
    owner_client: Client, counter: Counter, flowing: CallSource
) -> None:
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter)
    Counter.objects.update(goals_refreshed_at=NOW)

    switched = owner_client.post(reverse("counters:switch", args=[counter.pk]), {"enabled": "0"})

    assert messages_of(switched) == [f"Отправка в «{counter.name}» выключена. {OFF_SENTENCE}"]
    for page in ("calls:history", "counters:settings"):
        assert str(OFF_SENTENCE) in text_of(owner_client.get(reverse(page, args=[counter.pk])))


def test_counter_without_settings_says_how_many_calls_wait(
    counter: Counter, flowing: CallSource, django_assert_num_queries: Any
) -> None:
    Counter.objects.update(configured_at=None, added_at=NOW - timedelta(days=1))
    store_call(cabinet=counter.cabinet)
    store_call(cabinet=counter.cabinet)
    loaded = list(Counter.objects.with_details())

    with django_assert_num_queries(9):
        states = counter_states(counter.cabinet, loaded, now=NOW)

    assert states[counter.pk].text == "Не настроен: звонков ждёт — 2"


@pytest.mark.usefixtures("flowing")
def test_card_of_counters_whose_only_account_is_disconnected(
    cabinet: Cabinet, counter: Counter
) -> None:
    YandexAccount.objects.update(state="disconnected", access_token="", refresh_token="")

    card = page_context(cabinet)["card"]

    assert (str(card.text), card.look) == ("Аккаунт отключён", "waits")


def test_card_counts_counters_before_the_state_with_the_right_form(
    account: YandexAccount, flowing: CallSource
) -> None:
    for number in range(21):
        factories.make_counter(account=account, access="lost" if number == 0 else "ok")

    card = page_context(account.cabinet)["card"]

    assert card.text == "1 из 21 счетчика: «Доступ потерян»"


@pytest.mark.usefixtures("flowing")
def test_one_dead_upload_is_named_beside_those_that_go(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    make_upload(counter=counter, state="needs_attention", attention="rejected")
    make_upload(counter=counter)

    state = state_of(counter)
    text = "Есть выгрузки, которые требуют внимания"
    assert (str(state.text), state.tone) == (text, "warning")
    assert "Выгрузок, которые требуют внимания: 1." in str(state.sentence)
    assert "state=needs_attention" in state.cure_url
    assert page_context(cabinet)["card"].text == text
    for page in (reverse("counters:list"), reverse("counters:settings", args=[counter.pk])):
        shown = text_of(owner_client.get(page))
        assert text in shown
        assert "Подключено и работает" not in shown


@pytest.mark.usefixtures("flowing")
def test_calls_that_wait_for_a_decision_are_named(counter: Counter) -> None:
    unreadable: dict[str, Any] = {"unreadable_identifiers": {"ClientId": "1,7E+18"}}
    store_call(cabinet=counter.cabinet, client_id="", **unreadable)

    state = state_of(counter)

    assert (str(state.text), state.tone) == ("Есть звонки, которые ждут вашего решения", "warning")
    assert "Звонков с идентификатором, который не читается: 1." in str(state.sentence)
    assert "state=needs_decision" in state.cure_url


def test_card_counts_counters_without_settings_not_the_calls_of_one(
    account: YandexAccount, flowing: CallSource
) -> None:
    old = NOW - timedelta(days=1)
    for _each in range(2):
        factories.make_counter(account=account, configured_at=None, added_at=old)
    factories.make_counter(account=account)
    for _each in range(3):
        store_call(cabinet=account.cabinet)

    card = page_context(account.cabinet)["card"]

    assert card.text == "2 из 3 счетчиков: «Не настроен: звонки ждут»"


@pytest.mark.usefixtures("flowing")
def test_quota_of_the_address_is_named_everywhere(owner_client: Client, counter: Counter) -> None:
    RequestDay.objects.create(
        yandex_uid="*", day=NOW.date(), paused_until=NOW + timedelta(minutes=5)
    )
    sentence = "Исчерпан лимит запросов Яндекса: продолжим 10 июня, 15:05."
    upload = make_upload(
        counter=counter, state="later", uploading_id=None, not_before=NOW + timedelta(minutes=5)
    )
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, upload=upload)

    listed = text_of(owner_client.get(reverse("counters:list")))
    history = text_of(owner_client.get(reverse("calls:history", args=[counter.pk])))

    assert state_of(counter).sentence == sentence
    assert sentence in listed
    assert sentence in history
    assert "Отправить не удалось" not in history
