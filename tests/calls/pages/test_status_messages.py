"""The title and the sentence of a delivery in each state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from calls.decision.reasons import REASONS
from calls.models import Delivery
from calls.pages.status_messages import sentence_of, title_of
from calls.queries.display_state import with_display_state
from calls.queries.gathering import add_gathering
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from integrations.models import RequestDay
from tests.calls.ledger import make_call, make_delivery, make_upload

NOT_SENT: dict[str, Any] = {"uploading_id": None}
BLOCKER = "Счетчик выключен."


def sentence_for(delivery: Delivery, *, blocker: str = "") -> str:
    row = with_display_state(Delivery.objects.filter(pk=delivery.pk), timezone.now()).get()
    return sentence_of(row, blocker=blocker)


@pytest.mark.parametrize("reason", list(REASONS))
def test_skipped_delivery_has_the_sentence_of_its_reason(counter: Counter, reason: str) -> None:
    call = make_call(cabinet=counter.cabinet)

    delivery = make_delivery(call=call, counter=counter, state=DeliveryState.SKIPPED, reason=reason)

    assert sentence_for(delivery) == REASONS[reason].sentence


def test_waiting_delivery_says_what_it_waits_for(counter: Counter) -> None:
    until = datetime(2027, 1, 5, 9, 30, tzinfo=UTC)
    with time_machine.travel(until - timedelta(days=2), tick=False):
        waiting = make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)
        held = make_delivery(
            call=make_call(cabinet=counter.cabinet), counter=counter, not_before=until
        )

        assert sentence_for(waiting) == "Уйдёт со следующей выгрузкой."
        assert sentence_for(waiting, blocker=BLOCKER) == BLOCKER
        assert sentence_for(held) == "Отложен до 5 января, 12:30."
        assert sentence_for(held, blocker=BLOCKER) == f"Отложен до 5 января, 12:30. {BLOCKER}"


@pytest.mark.parametrize(
    ("spent", "waited", "until"),
    [
        (0, 0, ": соберём в файл до 12:06"),  # 5 minutes
        (0, 301, ""),
        # One stream shares 2,436 planned uploads of a day.
        (300, 0, ": соберём в файл до 12:06"),
        # Nothing is left of the uploads of the day, so it waits what is left of the day.
        (2800, 0, ": соберём в файл до 6 января, 03:01"),
    ],
)
def test_waiting_delivery_says_by_when_its_file_is_built(
    counter: Counter, settings: Settings, spent: int, waited: int, until: str
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS, settings.METRIKA_DAILY_REQUESTS = 300, 4000
    account = counter.account
    at = datetime(2027, 1, 5, 9, 0, 30, tzinfo=UTC)
    with time_machine.travel(at, tick=False) as clock:
        waiting = make_delivery(
            call=make_call(cabinet=counter.cabinet), counter=counter, not_before=at
        )
        if spent:
            RequestDay.objects.create(yandex_uid=account.yandex_uid, day=at.date(), uploads=spent)
        clock.shift(waited)
        row = with_display_state(Delivery.objects.filter(pk=waiting.pk), timezone.now()).get()
        add_gathering([row], now=timezone.now())

        assert sentence_of(row, blocker="") == f"Уйдёт со следующей выгрузкой{until}."


@pytest.mark.parametrize(
    ("upload", "blocker", "sentence"),
    [
        ({"state": UploadState.READY} | NOT_SENT, "", "Файл готов, его очередь скоро."),
        ({"state": UploadState.READY} | NOT_SENT, BLOCKER, BLOCKER),
        (
            {"state": UploadState.LATER, "not_before": datetime(2027, 1, 5, 9, 30, tzinfo=UTC)}
            | NOT_SENT,
            "",
            "Отправить не удалось, повторим 5 января, 12:30.",
        ),
        (
            {"state": UploadState.SENDING, "lease_until": datetime(2027, 1, 5, tzinfo=UTC)}
            | NOT_SENT,
            BLOCKER,
            "Отправляется прямо сейчас.",
        ),
        (
            {"state": UploadState.PROCESSED},
            BLOCKER,
            "Метрика обработала файл, но не сообщила, сколько его звонков привязано к визитам.",
        ),
        (
            {"state": UploadState.LINKAGE_FAILURE, "is_static": True},
            "",
            "Есть в отчёте «Звонки, детально»; к визитам такие звонки не привязываются.",
        ),
        (
            {
                "state": UploadState.PROCESSED,
                "attention": Attention.ROW_REFUSED,
                "rows": 100,
                "line_quantity": 98,
            },
            "",
            "Принято 98 из 100 строк, какие именно — Метрика не сообщает. Сверьте с её "
            "отчётом «Звонки, детально»; повторять отправку не стоит: принятые учлись бы дважды.",
        ),
        (
            {"state": UploadState.NEEDS_ATTENTION, "attention": Attention.REJECTED} | NOT_SENT,
            "",
            Attention.REJECTED.sentence,
        ),
        (
            {"state": UploadState.SENT, "attention": Attention.OVERDUE},
            "",
            Attention.OVERDUE.sentence,
        ),
    ],
)
def test_batched_delivery_has_the_sentence_of_its_upload(
    counter: Counter, upload: dict[str, Any], blocker: str, sentence: str
) -> None:
    delivery = make_delivery(
        call=make_call(cabinet=counter.cabinet),
        counter=counter,
        upload=make_upload(counter=counter, **upload),
    )

    assert sentence_for(delivery, blocker=blocker) == sentence


def test_unmatched_unclear_and_sent_uploads_are_explained(counter: Counter) -> None:
    def of_state(**upload: Any) -> str:
        call = make_call(cabinet=counter.cabinet)
        made = make_upload(counter=counter, **upload)
        return sentence_for(make_delivery(call=call, counter=counter, upload=made))

    assert of_state(state=UploadState.LINKAGE_FAILURE).startswith("Метрика приняла файл, но не")
    assert of_state(state=UploadState.UNCLEAR, uploading_id=None).startswith(
        "Пока неизвестно, дошёл"
    )
    assert of_state(state=UploadState.SENT).startswith("Файл у Метрики.")


def test_row_refused_by_itself_does_not_show_counts_of_its_upload(counter: Counter) -> None:
    upload = make_upload(counter=counter, state=UploadState.PROCESSED, rows=1, line_quantity=1)

    delivery = make_delivery(
        call=make_call(cabinet=counter.cabinet),
        counter=counter,
        upload=upload,
        state=DeliveryState.ROW_REFUSED,
        reason="counter_removed",
    )

    assert sentence_for(delivery) == REASONS["counter_removed"].sentence


@pytest.mark.parametrize(
    ("row", "upload", "title"),
    [
        ({"state": DeliveryState.SKIPPED, "reason": "not_finished"}, None, "Ждёт итога"),
        ({"state": DeliveryState.SKIPPED, "reason": "too_short"}, None, "Не отправляется"),
        (
            {"state": DeliveryState.ROW_REFUSED, "reason": "refused_by_metrika"},
            {"state": UploadState.CANCELLED, "attention": Attention.ROW_REFUSED},
            "Строка не принята",
        ),
        (
            {"state": DeliveryState.BATCHED},
            {"state": UploadState.PROCESSED, "attention": Attention.ROW_REFUSED},
            "Приняты не все строки",
        ),
        (
            {"state": DeliveryState.BATCHED},
            {"state": UploadState.PROCESSED},
            "Принят, привязка неизвестна",
        ),
    ],
)
def test_title_says_no_more_than_is_known(
    counter: Counter, row: dict[str, Any], upload: dict[str, Any] | None, title: str
) -> None:
    held = upload and make_upload(counter=counter, **upload)
    delivery = make_delivery(
        call=make_call(cabinet=counter.cabinet), counter=counter, upload=held, **row
    )

    shown = with_display_state(Delivery.objects.filter(pk=delivery.pk), timezone.now()).get()

    assert title_of(shown) == title
