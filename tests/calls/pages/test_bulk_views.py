"""The pages of bulk actions: the bar, the question, the order, how far it is."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Preference
from cabinets.models import AuditEvent, Cabinet
from calls.bulk import run
from calls.models import BulkAction, BulkState, Delivery
from calls.pages import bulk_views
from calls.states import DeliveryState
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery
from tests.calls.stored import store_call
from tests.workbooks import sheet_in, values_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(cabinet: Cabinet, counter: Counter) -> list[Delivery]:
    later = {"not_before": timezone.now() + timedelta(days=1)}
    rows = [make_delivery(call=make_call(cabinet=cabinet), counter=counter, **later) for _ in "123"]
    make_delivery(call=make_call(cabinet=cabinet), counter=counter)
    return rows


def url(name: str, counter: Counter, *args: Any) -> str:
    return reverse(f"calls:{name}", args=[counter.pk, *args])


def offered(browser: Client, counter: Counter) -> set[str]:
    """Return the buttons over the whole history."""
    history = browser.get(url("history", counter), {"q": ""})
    return {str(one["label"]) for one in history.context["bulk_buttons"]}


def test_person_sees_the_count_orders_it_and_returns_it(
    owner_client: Client, counter: Counter, held: list[Delivery]
) -> None:
    filters = {"state": "held", "date_from": "2020-01-02"}
    history = owner_client.get(url("history", counter), filters)
    buttons = {str(one["label"]): one["url"] for one in history.context["bulk_buttons"]}
    assert list(buttons) == ["Отпустить отложенные", "Отменить отправку"]
    assert history.context["bulk_count"] == "3"

    question = owner_client.get(buttons["Отменить отправку"])
    assert question.context["sentence"] == "Звонков: 3."
    assert question.context["chosen"] == [
        ("Состояние", "Отложен"),
        ("Канал", "Звонки"),
        ("С", "2 января 2020"),
    ]
    form = question.context["hidden"] | {"token": question.context["token"]}
    first = owner_client.post(url("bulk", counter, "call_off"), form, follow=True)
    again = owner_client.post(url("bulk", counter, "call_off"), form, follow=True)

    assert first.redirect_chain == again.redirect_chain
    assert "Изменено: 3 из 3." in first.content.decode()
    off = Delivery.objects.filter(state=DeliveryState.SKIPPED, reason="called_off")
    assert set(off.values_list("call_id", flat=True)) == {one.call_id for one in held}
    assert "Вернуть отменённые" in offered(owner_client, counter)

    action = BulkAction.objects.get()
    undone = owner_client.post(url("bulk-undo", counter, action.pk), follow=True)
    assert "Изменено: 3 из 3." in undone.content.decode()
    assert not off.exists()
    skipped = {"state": DeliveryState.SKIPPED, "reason": "too_short"}
    Delivery.objects.filter(call_id=held[0].call_id).update(**skipped)
    assert "Вернуть отменённые" not in offered(owner_client, counter)
    assert "Отправить не отправленные" in offered(owner_client, counter)
    shown = owner_client.get(url("history", counter)).context["bulk_recent"]
    assert [one["label"] for one in shown] == ["Вернуть в очередь", "Отменить отправку"]


def test_many_rows_are_left_to_the_worker_and_can_be_stopped(
    owner_client: Client, counter: Counter, held: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_views, "STEP", 2)
    page = owner_client.post(url("bulk", counter, "release"), {"q": "", "token": "1"}, follow=True)

    assert page.context["action"].is_running
    assert 'hx-trigger="every 2s"' in page.content.decode()
    action = BulkAction.objects.get()
    stopped = owner_client.post(url("bulk-stop", counter, action.pk), follow=True)
    assert "действие остановлено" in stopped.content.decode()
    assert run.run_due(seconds=1) == 0
    assert Delivery.objects.filter(not_before__gt=timezone.now()).count() == 3


def test_nothing_is_ordered_by_a_viewer_from_a_stale_tab_or_for_what_is_unknown(
    viewer_client: Client, owner_client: Client, counter: Counter, held: list[Delivery]
) -> None:
    call_off = url("bulk", counter, "call_off")
    assert viewer_client.post(call_off, {"token": "1"}).status_code == 403
    assert "bulk_buttons" not in viewer_client.get(url("history", counter)).context
    assert owner_client.post(call_off, {"token": "1", "cabinet": "0"}).status_code == 409
    assert owner_client.get(url("bulk", counter, "delete_all")).status_code == 404
    wrong = owner_client.post(call_off, {"token": "1", "date_from": "вчера"})
    assert wrong.status_code == 302
    nothing = owner_client.get(url("bulk", counter, "retry"))
    assert "Повторять нечего" in nothing.content.decode()

    assert not BulkAction.objects.exists()
    assert not AuditEvent.objects.exists()
    assert Delivery.objects.waiting().count() == 4


def test_viewer_sees_how_far_an_action_is(
    viewer_client: Client, owner_client: Client, counter: Counter, held: list[Delivery]
) -> None:
    owner_client.post(url("bulk", counter, "release"), {"q": "", "token": "1"})
    action = BulkAction.objects.get(state=BulkState.DONE)

    page = viewer_client.get(url("bulk-action", counter, action.pk))

    assert "Изменено: 3 из 3." in page.content.decode()
    assert not page.context["can_manage"]


def test_what_the_filters_show_is_downloaded_as_a_workbook(
    owner_client: Client, viewer_client: Client, counter: Counter, held: list[Delivery]
) -> None:
    address = owner_client.get(url("history", counter), {"state": "held"}).context["export_url"]

    answer: Any = owner_client.get(address)

    sheet = values_in(sheet_in(io.BytesIO(b"".join(answer.streaming_content))))
    column = {title: place for place, title in enumerate(sheet[0])}
    assert len(sheet) == 4
    assert {row[column["Состояние"]] for row in sheet[1:]} == {"Отложен"}
    numbers = {one.call.external_id for one in held}
    assert {row[column["Номер звонка"]] for row in sheet[1:]} == numbers
    event = AuditEvent.objects.get(action="history.downloaded")
    assert (event.after["rows"], event.after["filters"]["state"]) == (3, "held")
    assert viewer_client.get(address).status_code == 403


@pytest.mark.parametrize("language", ["ru", "en"])
def test_download_has_the_sentences_of_the_history(
    owner_client: Client, owner: User, cabinet: Cabinet, counter: Counter, language: str
) -> None:
    now = timezone.now()
    waits = {"reason": None, "state": DeliveryState.WAITING}
    short = {"reason": "too_short", "state": DeliveryState.SKIPPED}
    rows: list[dict[str, Any]] = [
        *[{"compared": [seconds, 30]} | short for seconds in (5, 5, 6)],
        *[{"not_before": now + timedelta(minutes=after)} | waits for after in (60, 60, 63)],
        {"not_before": now + timedelta(days=2), "expires_at": now + timedelta(days=3)} | waits,
        {"state": DeliveryState.EXPIRED},
    ]
    for values in rows:
        make_delivery(call=make_call(cabinet=cabinet), counter=counter, **values)
    Preference.objects.update_or_create(user=owner, defaults={"language": language})

    history = owner_client.get(url("history", counter), {"q": ""})
    answer: Any = owner_client.get(history.context["export_url"])

    sheet = values_in(sheet_in(io.BytesIO(b"".join(answer.streaming_content))))
    cells = [cell for row in history.context["rows"] for cell in row["cells"]]
    assert [(row[8], row[9]) for row in sheet[1:]] == [
        (one["state_text"], one["reason_text"] or None) for one in cells if "reason_text" in one
    ]
    assert len(sheet) == 9
    assert sheet[0][8] == {"ru": "Состояние", "en": "State"}[language]


def test_skipped_calls_are_sent_although_the_settings_exclude_them(
    owner_client: Client, cabinet: Cabinet, counter: Counter
) -> None:
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=200)
    short = [store_call(cabinet=cabinet) for _number in range(2)]
    store_call(cabinet=cabinet, client_id="", kind="callback")  # without a visitor it never goes
    Delivery.objects.filter(call_id=store_call(cabinet=cabinet).pk).update(reason="called_off")

    history = owner_client.get(url("history", counter), {"state": "skipped"})
    buttons = {str(one["label"]): one["url"] for one in history.context["bulk_buttons"]}
    question = owner_client.get(buttons["Отправить не отправленные"])
    assert history.context["bulk_count"] == "4"
    assert question.context["sentence"] == "Отобрано звонков: 4. Уйдёт: 2. Не уйдёт: 2."
    assert question.context["left_out"] == [
        ("Отправлены, в очереди, пробные или остановлены не настройками", "1"),
        ("Нет идентификатора посетителя", "1"),
    ]
    form = question.context["hidden"] | {"token": question.context["token"]}
    done = owner_client.post(url("bulk", counter, "send"), form, follow=True)

    assert "Изменено: 2 из 3." in done.content.decode()
    assert "не только настройки" in done.content.decode()
    waiting = Delivery.objects.waiting().values_list("call_id", flat=True)
    assert set(waiting) == {call.pk for call in short}
