"""Reasons: each has all its texts, in one place, and names what the rule compared."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.decide import decide
from calls.decision.explain import explain_call
from calls.decision.reasons import REASONS, reason_sentence
from calls.models import Call
from calls.pages.status_messages import sentence_of
from calls.queries.display_state import with_display_state
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.stored import row_of, store_call

SITES = {"site_mode": "list", "site_hosts": ["a.example", "b.example", "c.example", "d.example"]}

# (settings of the counter, fields of the call, what was compared, the sentence)
CASES: list[tuple[dict[str, Any], dict[str, Any], list[Any] | None, str]] = [
    (
        {"min_duration_seconds": 60},
        {"duration_seconds": 59},
        [59, 60],
        "Разговор длился 59 с, а в настройке «Длительность» — от 60 с.",
    ),
    (
        {"call_status": "success"},
        {"status": "fail"},
        ["fail", "success"],
        "Звонок неуспешный, а в настройке «Статус звонка» — «Только успешные».",
    ),
    (
        {"call_status": "fail"},
        {"status": ""},
        ["", "fail"],
        "Итог звонка неизвестен, а в настройке «Статус звонка» — «Только неуспешные».",
    ),
    (
        {"uniqueness": "unique"},
        {"is_unique": False},
        ["unique"],
        "Звонок повторный, а в настройке «Дополнительно» — «Только уникальные».",
    ),
    (
        {"uniqueness": "target"},
        {"is_target": False},
        ["target"],
        "Звонок нецелевой, а в настройке «Дополнительно» — «Только целевые».",
    ),
    (
        {"uniqueness": "unique_target"},
        {"is_unique_target": False},
        ["unique_target"],
        "Звонок не уникально-целевой, а в настройке «Дополнительно» — «Только уникально-целевые».",
    ),
    (
        {"call_kind": "incoming", "accepts_static": False, "accepts_dynamic": False},
        {"kind": "static"},
        ["static", "incoming", False, False],
        "Звонок: статический коллтрекинг, а в настройке «Тип звонка» — «Только входящие звонки».",
    ),
    (
        {"call_kind": "callback"},
        {"kind": "dynamic"},
        ["dynamic", "callback", True, True],
        "Звонок: динамический коллтрекинг, а в настройке «Тип звонка» — «Только обратные звонки».",
    ),
    (
        {"call_kind": "incoming", "accepts_static": False},
        {"kind": "static"},
        ["static", "incoming", True, False],
        "Звонок: статический коллтрекинг, а в настройке «Тип звонка» — «Только входящие звонки» "
        "(динамический коллтрекинг).",
    ),
    (
        {"site_mode": "own", "site_host": "own.example", "mirror_hosts": ["m.example"]},
        {"site_host": "other.example"},
        ["other.example", ["own.example", "m.example"], 2, False],
        "Звонок с сайта other.example, а в настройке «Сайты» — own.example, m.example.",
    ),
    (
        SITES,
        {"site_host": "other.example"},
        ["other.example", ["a.example", "b.example", "c.example"], 4, False],
        "Звонок с сайта other.example, а в настройке «Сайты» — a.example, b.example, c.example "
        "и ещё 1.",
    ),
    (
        {
            "site_mode": "own",
            "site_host": "xn--80atjc.xn--p1ai",
            "mirror_hosts": ["xn--80atjc.xn--p1ai", "m.example"],
        },
        {"site_host": "xn--e1afmkfd.xn--p1ai"},
        ["xn--e1afmkfd.xn--p1ai", ["xn--80atjc.xn--p1ai", "m.example"], 2, False],
        "Звонок с сайта пример.рф, а в настройке «Сайты» — окна.рф, m.example.",
    ),
    (
        {"site_mode": "own", "site_host": ""},
        {"site_host": "other.example"},
        ["other.example", [], 0, False],
        str(REASONS["site"].sentence),
    ),
    (
        {"site_mode": "own"},
        {"site": "Виджет", "site_host": "", "raw": {"site": "", "visitSite": " Виджет "}},
        ["visitSite", "Виджет"],
        "В поле visitSite пришло «Виджет», это не адрес сайта, поэтому счетчик звонок не принимает."
        " Передавайте в этом поле адрес сайта или выберите «Все сайты» в настройке «Сайты».",
    ),
    (
        {"site_mode": "own"},
        {"site": "", "site_host": "", "raw": {"callPage": "/spb/"}},
        ["site", ""],
        str(REASONS["site_unknown"].sentence),
    ),
    (
        {"campaigns": ["Распродажа", "1001"]},
        {"campaign_name": "Осень", "campaign_id": "77"},
        ["Осень", ["Распродажа", "1001"], 2],
        "Кампания звонка — «Осень», а в настройке «Кампании» — «Распродажа», «1001».",
    ),
    (
        {"campaigns": ["1001"]},
        {"campaign_name": "", "campaign_id": ""},
        ["", ["1001"], 1],
        "Кампания звонка неизвестна, а в настройке «Кампании» — «1001».",
    ),
    (
        {"site_mode": "own", "site_host": "own.example", "with_subdomains": True},
        {"site_host": "notown.example"},
        ["notown.example", ["own.example"], 1, True],
        "Звонок с сайта notown.example, а в настройке «Сайты» — own.example с поддоменами.",
    ),
    (
        {},
        {"client_id": "GA1.2.3", "user_id": "", "yclid": ""},
        ["ClientId", "GA1.2.3", True],
        "ClientID пришёл в виде, который не читается: «GA1.2.3». Передайте запись ещё раз с тем же "
        "номером звонка и верным идентификатором: звонок уйдёт сам. Или отправьте его кнопкой "
        "«Отправить как непривязанный»; потом это не изменить.",
    ),
    (
        {},
        {
            "kind": "callback",
            "client_id": "",
            "unreadable_identifiers": {"UserId": "+7 916 123-45-67, +7 916 123-45-68"},
        },
        ["UserId", "+7 916 123-45-67, +7 916 123-45-68", False],
        "UserID пришёл в виде, который не читается: «+7 *** ***-45-67, +7 *** ***-45-68». "
        "Передайте запись ещё раз с тем же номером звонка и верным идентификатором: звонок уйдёт "
        "сам.",
    ),
    (
        {"unlinked_mode": "skip"},
        {"client_id": ""},
        None,
        str(REASONS["unlinked_off"].sentence),
    ),
    (
        {},
        {"client_id": "", "kind": "callback"},
        [],
        str(REASONS["no_identifier"].sentence),
    ),
]


def sentence_for(call: Call, channel: Channel = Channel.CALLS) -> str:
    rows = call.deliveries.filter(channel=channel)
    return sentence_of(with_display_state(rows, timezone.now()).get(), blocker="")


@pytest.mark.parametrize(("settings", "fields", "compared", "sentence"), CASES)
def test_refusal_keeps_and_shows_what_was_compared(
    cabinet: Cabinet,
    settings: dict[str, Any],
    fields: dict[str, Any],
    compared: list[Any] | None,
    sentence: str,
) -> None:
    counter = factories.make_counter(account=factories.make_account(cabinet=cabinet), **settings)
    # What does not concern the counter has a row only if it did so before.
    Counter.objects.update(site_mode="all", campaigns=[])
    call = store_call(cabinet=cabinet, **fields)
    Counter.objects.update(site_mode=counter.site_mode, campaigns=counter.campaigns)
    decide([call.pk], now=timezone.now())

    assert row_of(call).state == DeliveryState.SKIPPED
    assert row_of(call).compared == compared
    assert sentence_for(call) == sentence
    verdicts = explain_call(call.pk)[counter.pk, Channel.CALLS]
    assert next(verdict.text for verdict in verdicts if not verdict.passed) == sentence


def test_waiting_call_keeps_nothing_compared(cabinet: Cabinet, counter: Counter) -> None:
    assert row_of(store_call(cabinet=cabinet)).compared is None


def test_deleted_goal_is_named(cabinet: Cabinet, counter: Counter) -> None:
    goal = factories.make_goal(counter=counter, name="Заявка", deleted_at=timezone.now())
    Counter.objects.filter(pk=counter.pk).update(goal=goal)

    call = store_call(cabinet=cabinet)

    assert sentence_for(call, Channel.GOAL) == (
        "Цели «Заявка» больше нет в Метрике: выберите другую в настройках счетчика, и достижение "
        "уйдёт с ней. Сам звонок этого не ждёт."
    )


def test_earlier_attempt_is_named_by_its_number(cabinet: Cabinet, counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(last_attempt_only=True)
    attempts = [
        store_call(cabinet=cabinet, kind="callback", order_key=10, attempt=number)
        for number in (1, 2)
    ]

    assert sentence_for(attempts[0]) == (
        "Это попытка 1, и по этому заказу была следующая: отправляется только последняя."
    )
    assert row_of(attempts[1]).state == DeliveryState.WAITING


def test_changed_call_is_refused_with_its_new_values(cabinet: Cabinet, counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=60)
    call = store_call(cabinet=cabinet, duration_seconds=10)

    Call.objects.filter(pk=call.pk).update(duration_seconds=59)
    decide([call.pk], now=timezone.now())

    assert row_of(call).compared == [59, 60]


def test_page_shows_the_values_of_the_decision_and_those_of_now(
    cabinet: Cabinet, counter: Counter, owner_client: Client
) -> None:
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=60)
    call = store_call(cabinet=cabinet, duration_seconds=10)
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=90)

    page = owner_client.get(reverse("calls:journey", args=[call.pk])).content.decode()

    as_decided = "Разговор длился 10 с, а в настройке «Длительность» — от 60 с."
    assert sentence_for(call) == as_decided
    assert f"{as_decided} С тех пор звонок или настройки изменились." in page
    assert "Разговор длился 10 с, а в настройке «Длительность» — от 90 с." in page


def test_decision_by_current_settings_is_shown_once(
    cabinet: Cabinet, counter: Counter, owner_client: Client
) -> None:
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=60)
    call = store_call(cabinet=cabinet, duration_seconds=10)

    page = owner_client.get(reverse("calls:journey", args=[call.pk])).content.decode()

    assert "от 60 с." in page
    assert "С тех пор" not in page


def test_call_without_a_site_has_one_sentence_about_it(cabinet: Cabinet, counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(site_mode="own")
    call = store_call(cabinet=cabinet, site="", site_host="")

    verdicts = {one.code: one for one in explain_call(call.pk)[counter.pk, Channel.CALLS]}

    assert verdicts["site_unknown"].text == str(REASONS["site_unknown"].sentence)
    # One sentence about one fact.
    assert not verdicts["site"].applies


def test_unusable_goal_is_named_by_its_identifier(cabinet: Cabinet, counter: Counter) -> None:
    goal = factories.make_goal(counter=counter, identifier="=call")
    Counter.objects.filter(pk=counter.pk).update(goal=goal)

    call = store_call(cabinet=cabinet)

    assert sentence_for(call, Channel.GOAL) == (
        "В идентификаторе цели «=call» есть знаки, которых Метрика в файле не принимает."
    )


def test_sentence_without_values_is_the_fallback() -> None:
    assert reason_sentence("technical", []) == str(REASONS["technical"].sentence)
    with pytest.raises(KeyError):
        reason_sentence("no_such_reason", None)
