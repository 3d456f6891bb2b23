"""The page of a call: one timeline, what of it is grouped, and how one counter of it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from calls.models import Call, LinkProof, UploadAttempt
from calls.pages.timeline import timelines_of
from calls.states import Channel, DeliveryState, LinkResult, UploadState
from counters import lifecycle
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.stored import store_call

TIMELINE = '<ol class="panel__body timeline">'


@pytest.fixture
def call(counter: Counter) -> Call:
    return make_call(cabinet=counter.cabinet)


def skip(call: Call, counter: Counter, channel: Channel = Channel.CALLS) -> None:
    make_delivery(
        call=call,
        counter=counter,
        channel=channel,
        state=DeliveryState.SKIPPED,
        reason="too_short",
        decided_at=call.received_at,
    )


def page_of(client: Client, call: Call) -> str:
    return client.get(reverse("calls:journey", args=[call.pk])).content.decode()


def test_deliveries_of_one_reason_are_told_once_in_the_one_timeline(
    owner_client: Client, counter: Counter, call: Call
) -> None:
    make_delivery(call=call, counter=counter, upload=make_upload(counter=counter))
    others = [factories.make_counter(account=counter.account) for _ in range(3)]
    for other in others:
        skip(call, other)

    page = page_of(owner_client, call)

    assert (page.count(TIMELINE), page.count("<h3>Звонок получен</h3>")) == (1, 1)
    assert page.count("Разговор короче, чем указано в настройке") == 1
    # A chip is of the counter, the event names the delivery.
    assert [page.count(f'href="?only={one.pk}"') for one in others] == [1, 1, 1]
    assert [page.count(f'href="?only={one.pk}.1"') for one in others] == [1, 1, 1]


@pytest.mark.parametrize(
    ("state", "fields", "note"),
    [
        (
            None,
            {"kind": "unknown"},
            "Уйдёт как непривязанный: идентификатора посетителя в записи нет.",
        ),
        (
            UploadState.LINKAGE_FAILURE,
            {"kind": "dynamic"},
            "Передан как непривязанный: идентификатора посетителя в записи нет.",
        ),
        (
            UploadState.SENT,
            {"kind": "dynamic", "revision": 2, "client_id": "7"},
            "Передан как непривязанный: идентификатора посетителя в записи не было.",
        ),
        (
            UploadState.PROCESSED,
            {"unreadable_identifiers": {"ClientId": "1,7E+18"}},
            "Передан как непривязанный: идентификатор не читается, так решил человек.",
        ),
    ],
)
def test_page_and_history_say_why_a_call_goes_as_unlinked(
    owner_client: Client,
    counter: Counter,
    state: UploadState | None,
    fields: dict[str, Any],
    note: str,
) -> None:
    call = make_call(cabinet=counter.cabinet, **{"client_id": "", **fields})
    upload = make_upload(counter=counter, state=state, is_static=True) if state else None
    sent = {"upload": upload, "call_revision": 1} if upload else {}
    make_delivery(call=call, counter=counter, is_static=True, **sent)
    history = reverse("calls:history", args=[counter.pk])

    assert note in page_of(owner_client, call)
    assert note in owner_client.get(history).content.decode()


def test_page_of_a_static_call_has_no_such_note(owner_client: Client, counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet, client_id="", kind="static")
    make_delivery(call=call, counter=counter, is_static=True)

    assert "как непривязанный" not in page_of(owner_client, call)


def test_page_says_that_a_call_is_held_no_longer(owner_client: Client, counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(defer_value=20, defer_unit="days")
    call = store_call(cabinet=counter.cabinet, duration_seconds=86_400)

    assert "не дольше: через сутки после этого Метрика уже не привяжет звонок" in page_of(
        owner_client, call
    )


def test_many_unsent_deliveries_are_grouped_by_their_reason(
    owner_client: Client, counter: Counter, call: Call
) -> None:
    for number in range(8):
        skip(call, factories.make_counter(account=counter.account, name=f"Филиал {number}"))

    answer = owner_client.get(reverse("calls:journey", args=[call.pk]))

    (decision,) = [one for one in answer.context["layout"].events if one.targets]
    page = answer.content.decode()
    assert (decision.step.title, len(decision.targets)) == ("Решено не отправлять", 8)
    assert "Отправок: 8" in page
    assert page.count("Разговор короче, чем указано в настройке") == 1


def test_further_deliveries_are_lines_that_lead_to_the_whole_timeline(
    owner_client: Client, counter: Counter, call: Call
) -> None:
    for number in range(7):
        other = factories.make_counter(account=counter.account, name=f"Филиал {number}")
        make_delivery(call=call, counter=other, upload=make_upload(counter=other))
    url = reverse("calls:journey", args=[call.pk])

    answer = owner_client.get(url)

    (line,) = answer.context["layout"].lines
    page = answer.content.decode()
    (built,) = [
        one for one in answer.context["layout"].events if one.step.title == "Собран в выгрузку"
    ]
    assert [one.timeline.counter.name for one in built.targets] == [
        f"Филиал {number}" for number in range(6)
    ]
    assert "Ещё отправки этого звонка: 1" in page
    assert f'<a href="?only={line.counter.pk}.1">Филиал 6 · Звонки</a>' in page
    whole = owner_client.get(f"{url}?only={line.counter.pk}.1").content.decode()
    assert whole.count("<h3>Собран в выгрузку</h3>") == 1
    assert '<h2 id="timeline-title">' in whole
    assert "Филиал 6 · Звонки" in whole
    assert "Филиал 5 · Звонки" not in whole
    assert f'<a href="{url}">Все счетчики этого звонка</a>' in whole


@pytest.mark.parametrize("only", ["", "x", "0", "0.1", "1.1.1"])
def test_unknown_timeline_in_the_address_shows_all(
    owner_client: Client, counter: Counter, call: Call, only: str
) -> None:
    make_delivery(call=call, counter=counter, upload=make_upload(counter=counter))

    answer = owner_client.get(reverse("calls:journey", args=[call.pk]), {"only": only})

    assert [one.counter for one in answer.context["layout"].whole] == [counter]
    assert not answer.context["layout"].is_one_of_many


def test_call_that_is_not_finished_has_no_status_yet(
    owner_client: Client, counter: Counter
) -> None:
    call = make_call(
        cabinet=counter.cabinet,
        is_finished=False,
        status="fail",
        status_first=1,
        status_second=0,
    )

    page = page_of(owner_client, call)

    assert "звонок ещё идёт, статуса пока нет" in page
    assert "Неуспешный" not in page
    assert "1/0" not in page


def test_held_call_that_is_still_on_says_so(owner_client: Client, counter: Counter) -> None:
    now = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        call = store_call(
            cabinet=counter.cabinet, started_at=now - timedelta(hours=1), duration_seconds=7200
        )
        page = page_of(owner_client, call)

    assert (
        "Отложен до 10 июня, 16:00: по записи звонок ещё идёт, он закончится 10 июня, 16:00."
    ) in page


def test_unreadable_identifier_is_explained_without_naming_the_page(
    owner_client: Client, counter: Counter
) -> None:
    call = store_call(
        cabinet=counter.cabinet, client_id="", unreadable_identifiers={"ClientId": "1,7E+18"}
    )

    (timeline, *_rest) = timelines_of(call, now=timezone.now())
    page = page_of(owner_client, call)

    assert [step.title for step in timeline.steps] == [
        "Звонок получен",
        "Не отправлен: нужно ваше решение или исправленная запись",
    ]
    assert "Или отправьте его кнопкой «Отправить как непривязанный»" in page
    assert "на странице звонка" not in page


def test_pages_name_a_removed_counter(owner_client: Client, counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter, upload=make_upload(counter=counter))
    lifecycle.remove_counter(counter=counter, actor=None, now=timezone.now())

    history = owner_client.get(reverse("calls:history", args=[counter.pk])).content.decode()

    assert "Счетчик удалён из кабинета" in history
    assert "Счетчик удалён из кабинета" in page_of(owner_client, call)


def test_switch_says_nothing_before_the_first_save(counter: Counter) -> None:
    Counter.objects.update(configured_at=None)
    call = store_call(cabinet=counter.cabinet)

    (timeline, *_rest) = timelines_of(call, now=timezone.now())
    rules = {rule.text: rule.applies for step in timeline.steps for rule in step.rules}

    assert rules["Счетчик включён"] is False


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"raw": {"status": "voicemail"}},
            "«voicemail»: чем кончился звонок, из этого слова не понятно",
        ),
        ({"raw": {"status": "answered"}, "status": "success"}, "Успешный"),
        ({"service_type": "forms"}, "Неизвестный сервис «forms», вид не указан"),
        ({"service_type": "import"}, "Коллтрекинг, вид не указан"),
    ],
)
def test_word_that_is_unknown_is_quoted(
    owner_client: Client, counter: Counter, fields: dict[str, Any], words: str
) -> None:
    nothing: dict[str, Any] = {"status": "", "status_first": None, "status_second": None}

    call = make_call(cabinet=counter.cabinet, **(nothing | {"kind": "unknown"} | fields))

    assert words in page_of(owner_client, call)


def test_request_answer_and_record_are_shown_by_right(
    owner_client: Client, viewer_client: Client, counter: Counter
) -> None:
    raw = {"phone": "+79161234567"}
    call = make_call(cabinet=counter.cabinet, phone="+79161234567", raw=raw)
    stored: dict[str, Any] = {"metrika_status": "UPLOADED", "source_quantity": 1}
    upload = make_upload(counter=counter, body=b"ClientId,StaticCall\n17,0\n", **stored)
    make_delivery(call=call, counter=counter, upload=upload)
    now = timezone.now()
    times = {"started_at": now, "ended_at": now + timedelta(seconds=1.5)}
    answer = {"http_status": 200, "excerpt": "answer of Metrika"}
    UploadAttempt.objects.create(upload=upload, number=1, **times, **answer)
    url = reverse("calls:journey", args=[call.pk]) + "?record=1"

    whole, masked = (client.get(url).content.decode() for client in (owner_client, viewer_client))

    for page in (whole, masked):
        path = f"POST /management/v1/counter/{counter.number}/offline_conversions/upload_calls"
        assert path in page
        assert upload.marker in page
        assert "строк: 1, 25\xa0байт" in page
        kept = f"загрузка № {upload.uploading_id}, статус UPLOADED, строк получено: 1."
        assert kept in page
        assert "Непривязанный звонок" in page
        assert "1 — Метрика покажет звонок, но не станет искать визит." in page
    hidden = ("answer of Metrika", "&quot;phone&quot;: &quot;+79161234567&quot;")
    assert [text in whole for text in hidden] == [True, True]
    assert [text in masked for text in hidden] == [False, False]
    assert "Показать запись" not in masked
    assert "79161234567" not in masked
    # Nothing is kept of an answer that was no acceptance; the logs' result has its help page.
    UploadAttempt.objects.update(http_status=400, error_class="RequestRejected")
    LinkProof.objects.create(
        upload=upload,
        row_number=1,
        call=call,
        partition_at=call.started_at,
        cabinet=counter.cabinet,
        counter=counter,
        channel=1,
        result=LinkResult.NO_VISIT,
        proved_at=now,
    )
    page = owner_client.get(url).content.decode()
    step = 'Подробнее<span class="visually-hidden">: Привязка проверена</span>'
    assert ("Текст ответа на принятый" in page, step in page) == (False, True)


def test_page_costs_the_same_queries_with_many_counters(
    owner_client: Client, counter: Counter, call: Call
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as made:
            page_of(owner_client, call)
        return len(made)

    make_delivery(call=call, counter=counter, upload=make_upload(counter=counter))
    skip(call, counter, Channel.GOAL)
    queries()
    few = queries()
    for _ in range(12):
        other = factories.make_counter(account=counter.account)
        make_delivery(call=call, counter=other, upload=make_upload(counter=other))
        make_delivery(call=call, counter=other, channel=Channel.GOAL)

    # Of calls that wait by now: their place in the queue, and the forecast of their links.
    assert queries() <= few + 4
