"""What made a call late: said on its page from the rows that tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from cabinets.audit import log_change
from calls.models import Delivery, UploadAttempt
from calls.queries.display_state import with_display_state
from calls.queries.why_expired import why_expired
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from integrations.models import YandexAccount
from tests.calls.ledger import make_call, make_delivery, make_upload

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def expired(counter: Counter) -> Delivery:
    """A call of the first of the month that came at once and was never in a file."""
    at = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    Counter.objects.update(configured_at=at)
    call = make_call(cabinet=counter.cabinet, started_at=at, received_at=at)
    times: dict[str, Any] = {"decided_at": at + 21 * DAY, "expires_at": at + 21 * DAY}
    times |= {"not_before": None}
    return make_delivery(call=call, counter=counter, state=DeliveryState.EXPIRED, **times)


def why(delivery: Delivery) -> str:
    rows = with_display_state(Delivery.objects.filter(pk=delivery.pk), NOW)
    (row,) = rows.select_related("call", "upload", "counter__account", "counter__goal")
    attempts = {row.upload_id or 0: list(UploadAttempt.objects.order_by("pk"))}
    return why_expired([row], attempts, now=NOW)[row.pk]


def test_cause_of_a_call_that_waited(expired: Delivery) -> None:
    counter, call = expired.counter, expired.call
    at = call.started_at
    assert why(expired) == "Что его задержало у нас, не записано."
    call.received_at = at + 2 * DAY
    call.save()
    source = "Он пришёл от источника через 2 дн. 0 ч после начала."
    assert why(expired) == f"{source} Что его задержало у нас, не записано."
    Delivery.objects.update(not_before=at + 19 * DAY)
    assert (
        why(expired)
        == f"{source} По настройкам счетчика отправить его можно было с 20 ноября, 15:00."
    )
    Delivery.objects.update(not_before=None)
    Counter.objects.update(enabled=False)
    assert why(expired) == f"{source} Сейчас счетчик выключен."
    with time_machine.travel(at + 20 * DAY, tick=False):
        log_change(
            cabinet=counter.cabinet,
            actor=None,
            action="counter.switched",
            subject=counter,
            before={"enabled": False},
            after={"enabled": True},
        )
    assert why(expired) == f"{source} Сейчас счетчик выключен."
    Counter.objects.update(enabled=True)
    assert why(expired) == f"{source} Счетчик был выключен."
    lost = {"state": "reauth_required", "state_changed_at": at + 3 * DAY}
    YandexAccount.objects.update(**lost)
    assert why(expired) == f"{source} Доступа к Яндексу нет с 4 ноября, 15:00."


def test_cause_that_ended_after_the_term(expired: Delivery) -> None:
    counter, end = expired.counter, expired.expires_at

    def change(action: str, subject: Any, hours: int, **values: tuple[Any, Any]) -> str:
        with time_machine.travel(end + timedelta(hours=hours), tick=False):
            before, after = ({name: one[n] for name, one in values.items()} for n in (0, 1))
            about = {"cabinet": counter.cabinet, "actor": None, "subject": subject}
            log_change(action=action, before=before, after=after, **about)
        return why(expired)

    on = change("counter.switched", counter, 30, enabled=(False, True))
    assert on == "Счетчик был выключен до 23 ноября, 21:00."
    access = "counter.seen_in_metrika", counter
    change(*access, 12, access=("lost", "ok"), name=("Окна", "Двери"))
    change(*access, 8, name=("Дом", "Окна"))
    # It was lost once more later on; at the end of the term it was lost until the first return.
    again = change(*access, 20, access=("ok", "lost"))
    assert again == "Доступа к Яндексу не было до 23 ноября, 03:00."
    account = counter.account
    change("account.reauth_required", account, -5, state=("active", "reauth_required"))
    gone = change("account.disconnect", account, 1, state=("reauth_required", "disconnected"))
    assert gone == "К концу срока счетчик не мог отправлять звонки."
    linked = change("account.relink", account, 2, state=("disconnected", "active"))
    assert linked == "Доступа к Яндексу не было до 22 ноября, 17:00."


def test_file_that_yandex_did_not_take(expired: Delivery) -> None:
    at = expired.call.started_at
    cancelled: dict[str, Any] = {"state": UploadState.CANCELLED, "attention": Attention.EXPIRED}
    times: dict[str, Any] = {"created_at": at + DAY, "accepted_at": None, "uploading_id": None}
    upload = make_upload(counter=expired.counter, settled_at=at + 21 * DAY, **times, **cancelled)
    batched = {"state": DeliveryState.BATCHED, "upload": upload, "row_number": 1}
    Delivery.objects.update(call_revision=1, **batched)
    built = "Файл с ним собран 2 ноября, 15:00"
    assert why(expired) == f"{built}, до отправки дело не дошло."
    attempt = {"started_at": at + 20 * DAY, "error_class": "Unreachable"}
    UploadAttempt.objects.create(upload=upload, number=1, **attempt)
    last = "Последняя попытка: Метрика не отвечала."
    assert why(expired) == f"{built}, но Яндекс его не принял. {last}"
