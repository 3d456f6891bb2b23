from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from calls.decision.reasons import REASONS
from calls.models import Delivery
from calls.pages.status_messages import sentence_of, title_of
from calls.queries.display_state import with_display_state
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload

NOT_SENT: dict[str, Any] = {"uploading_id": None}
OBSTACLE = "Счетчик выключен."


def said(delivery: Delivery, *, blocker: str = "") -> str:
    row = with_display_state(Delivery.objects.filter(pk=delivery.pk), timezone.now()).get()
    return sentence_of(row, blocker=blocker)


@pytest.mark.parametrize("reason", list(REASONS))
def test_what_is_not_sent_says_which_rule_refused(counter: Counter, reason: str) -> None:
    call = make_call(cabinet=counter.cabinet)

    delivery = make_delivery(call=call, counter=counter, state=DeliveryState.SKIPPED, reason=reason)

    assert said(delivery) == REASONS[reason].sentence


def test_what_waits_says_what_it_waits_for(counter: Counter) -> None:
    until = datetime(2027, 1, 5, 9, 30, tzinfo=UTC)
    waiting = make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)
    held = make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter, not_before=until)

    assert said(waiting) == "Уйдёт со следующей выгрузкой."
    assert said(waiting, blocker=OBSTACLE) == OBSTACLE
    assert said(held) == "Отложен до 5 января, 12:30."
    assert said(held, blocker=OBSTACLE) == f"Отложен до 5 января, 12:30. {OBSTACLE}"


@pytest.mark.parametrize(
    ("upload", "blocker", "sentence"),
    [
        ({"state": UploadState.READY} | NOT_SENT, "", "Файл готов, его очередь скоро."),
        ({"state": UploadState.READY} | NOT_SENT, OBSTACLE, OBSTACLE),
        (
            {"state": UploadState.LATER, "not_before": datetime(2027, 1, 5, 9, 30, tzinfo=UTC)}
            | NOT_SENT,
            "",
            "Отправить не удалось, повторим 5 января, 12:30.",
        ),
        (
            {"state": UploadState.SENDING, "lease_until": datetime(2027, 1, 5, tzinfo=UTC)}
            | NOT_SENT,
            OBSTACLE,
            "Отправляется прямо сейчас.",
        ),
        ({"state": UploadState.PROCESSED}, OBSTACLE, ""),
        (
            {"state": UploadState.LINKAGE_FAILURE, "is_static": True},
            "",
            "Есть в отчёте «Звонки, детально»; к визитам статические звонки не привязываются.",
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
def test_what_is_gathered_says_how_its_upload_fares(
    counter: Counter, upload: dict[str, Any], blocker: str, sentence: str
) -> None:
    delivery = make_delivery(
        call=make_call(cabinet=counter.cabinet),
        counter=counter,
        upload=make_upload(counter=counter, **upload),
    )

    assert said(delivery, blocker=blocker) == sentence


def test_unlinked_and_unclear_are_explained(counter: Counter) -> None:
    def of_state(**upload: Any) -> str:
        call = make_call(cabinet=counter.cabinet)
        made = make_upload(counter=counter, **upload)
        return said(make_delivery(call=call, counter=counter, upload=made))

    assert of_state(state=UploadState.LINKAGE_FAILURE).startswith("Метрика приняла файл, но не")
    assert of_state(state=UploadState.UNCLEAR, uploading_id=None).startswith("Ответ Метрики не")
    assert of_state(state=UploadState.SENT).startswith("Файл у Метрики.")


def test_a_row_refused_by_itself_says_so_and_not_its_uploads_counts(counter: Counter) -> None:
    upload = make_upload(counter=counter, state=UploadState.PROCESSED, rows=1, line_quantity=1)

    delivery = make_delivery(
        call=make_call(cabinet=counter.cabinet),
        counter=counter,
        upload=upload,
        state=DeliveryState.ROW_REFUSED,
        reason="counter_removed",
    )

    assert said(delivery) == REASONS["counter_removed"].sentence


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
        ({"state": DeliveryState.BATCHED}, {"state": UploadState.PROCESSED}, "Принят Метрикой"),
    ],
)
def test_a_title_says_no_more_than_is_known(
    counter: Counter, row: dict[str, Any], upload: dict[str, Any] | None, title: str
) -> None:
    held = upload and make_upload(counter=counter, **upload)
    delivery = make_delivery(
        call=make_call(cabinet=counter.cabinet), counter=counter, upload=held, **row
    )

    shown = with_display_state(Delivery.objects.filter(pk=delivery.pk), timezone.now()).get()

    assert title_of(shown) == title
