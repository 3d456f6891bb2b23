"""Warnings before blocked calls reach the end of Metrika's 21 days, and what happens then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import Q
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, expiry, recovery, sending
from calls.models import Delivery, Upload
from calls.queries.display_state import with_display_state
from calls.queries.expiry_warnings import ExpiryWarning, expiry_warnings
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from notices.models import Notice
from tests import factories
from tests.calls.blocks import counted_blocks
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.many_rows import copy_call
from tests.calls.sandbox_world import rows_in_metrika
from tests.calls.stored import row_of, store_call

pytestmark = pytest.mark.contract("B12")
NOW = timezone.now()


def warnings(cabinet: Cabinet, age: timedelta) -> list[tuple[int, int, int]]:
    rows = expiry_warnings(Q(cabinet=cabinet), now=NOW + age)
    return [(one.in_two_days, one.in_a_week, one.expired) for one in rows]


@pytest.fixture
def waiting(cabinet: Cabinet, counter: Counter) -> Counter:
    """A counter with a call that started now."""
    with time_machine.travel(NOW, tick=False):
        store_call(cabinet=cabinet, started_at=NOW)
    return counter


@pytest.mark.parametrize(
    "block",
    [
        lambda counter: Counter.objects.update(enabled=False),
        lambda counter: Counter.objects.update(access=Counter.Access.LOST),
        lambda counter: YandexAccount.objects.update(state="reauth_required"),
    ],
)
def test_blocked_call_is_warned_of_on_day_14_and_19(
    cabinet: Cabinet, waiting: Counter, block: Any
) -> None:
    block(waiting)
    second = timedelta(seconds=1)

    assert warnings(cabinet, timedelta(days=14) - second) == []
    assert warnings(cabinet, timedelta(days=14)) == [(0, 1, 0)]
    assert warnings(cabinet, timedelta(days=19) - second) == [(0, 1, 0)]
    assert warnings(cabinet, timedelta(days=19)) == [(1, 1, 0)]
    assert warnings(cabinet, timedelta(days=21) - second) == [(1, 1, 0)]
    assert warnings(cabinet, timedelta(days=21)) == []


def test_call_with_an_unreadable_identifier_is_warned_of(
    cabinet: Cabinet, counter: Counter
) -> None:
    with time_machine.travel(NOW, tick=False):
        store_call(
            cabinet=cabinet,
            started_at=NOW,
            client_id="",
            unreadable_identifiers={"ClientId": "1,71803E+18"},
        )

    assert warnings(cabinet, timedelta(days=14)) == [(0, 1, 0)]
    assert warnings(cabinet, timedelta(days=19)) == [(1, 1, 0)]
    assert warnings(cabinet, timedelta(days=21)) == [(0, 0, 1)]
    assert warnings(cabinet, timedelta(days=28)) == []


def test_call_that_will_be_sent_is_not_warned_of(cabinet: Cabinet, waiting: Counter) -> None:
    assert warnings(cabinet, timedelta(days=20)) == []


def test_expired_call_is_counted_for_a_week(cabinet: Cabinet, waiting: Counter) -> None:
    Counter.objects.update(enabled=False)
    end = timedelta(days=21)

    assert expiry.expire_overdue(now=NOW + end) == 1

    assert warnings(cabinet, end) == [(0, 0, 1)]
    assert warnings(cabinet, end + timedelta(days=7)) == []


def test_call_expired_in_its_upload_is_counted_too(cabinet: Cabinet, waiting: Counter) -> None:
    batching.build_uploads(now=NOW + timedelta(hours=1))
    YandexAccount.objects.update(state="reauth_required")
    end = timedelta(days=21)

    assert expiry.expire_overdue(now=NOW + end) == 1

    assert [
        row.display_state for row in with_display_state(Delivery.objects.filter(channel=1), NOW)
    ] == ["expired"]
    assert warnings(cabinet, end) == [(0, 0, 1)]
    assert warnings(cabinet, end + timedelta(days=7)) == []


def test_call_called_off_in_time_is_not_counted_as_expired(
    cabinet: Cabinet, waiting: Counter
) -> None:
    batching.build_uploads(now=NOW + timedelta(hours=1))
    upload = Upload.objects.get()
    assert recovery.call_off_uploads([upload.pk], actor=None, now=NOW + timedelta(days=20)) == 1

    assert warnings(cabinet, timedelta(days=21)) == []


def test_calls_in_an_upload_that_waits_for_a_person_are_warned_of(
    cabinet: Cabinet, waiting: Counter
) -> None:
    batching.build_uploads(now=NOW + timedelta(hours=1))
    assert warnings(cabinet, timedelta(days=14)) == []

    Upload.objects.update(state=UploadState.NEEDS_ATTENTION, attention=Attention.REJECTED)

    assert warnings(cabinet, timedelta(days=14)) == [(0, 1, 0)]
    assert expiry.expire_overdue(now=NOW + timedelta(days=21)) == 1
    assert Upload.objects.get().attention == Attention.EXPIRED


ALL_STATIC = "Все они непривязанные: к визитам Метрика не привязала бы их и вовремя."


def test_sentences_name_the_days_and_the_numbers() -> None:
    assert ExpiryWarning(1, "Окна", 15, 40, 3, 15, 40, 3).sentences == [
        "Не позже чем через 2 дня перестанут привязываться звонки: 15.",
        "Не позже чем через 7 дней перестанут привязываться звонки: 25.",
        "За неделю опоздали и уже не привяжутся звонки: 3.",
    ]
    # Static calls are sent no later either, but never link.
    assert ExpiryWarning(1, "Окна", 15, 40, 3, 14, 38, 0).sentences == [
        "Не позже чем через 2 дня опоздают звонки: 15, из них перестанут привязываться: 14.",
        "Не позже чем через 7 дней опоздают звонки: 25, из них перестанут привязываться: 24.",
        f"За неделю опоздали звонки: 3. {ALL_STATIC}",
    ]
    assert ExpiryWarning(1, "Окна", 0, 0, 3, 0, 0, 2).sentences == [
        "За неделю опоздали звонки: 3, из них уже не привяжутся: 2. Остальные непривязанные: к "
        "визитам Метрика не привязала бы их и вовремя."
    ]


def test_warnings_are_on_the_integrations_and_the_settings_page(
    cabinet: Cabinet, counter: Counter, owner_client: Client
) -> None:
    store_call(cabinet=cabinet, started_at=timezone.now() - timedelta(days=20))
    Counter.objects.update(enabled=False, goals_refreshed_at=timezone.now())

    dashboard = owner_client.get("/lk/integrations").content.decode()
    settings_page = owner_client.get(
        reverse("counters:settings", args=[counter.pk])
    ).content.decode()

    sentence = "Не позже чем через 2 дня перестанут привязываться звонки: 1."
    assert sentence in dashboard
    assert sentence in settings_page
    static = make_call(cabinet=cabinet, started_at=timezone.now() - timedelta(days=20))
    make_delivery(call=static, counter=counter, state=DeliveryState.WAITING, is_static=True)
    text = "Не позже чем через 2 дня опоздают звонки: 2, из них перестанут привязываться: 1."
    notice = "опоздают звонки: 2, из них перестанут привязываться к визитам: 1."
    assert text in owner_client.get("/lk/integrations").content.decode()
    assert owner_client.get("/lk/integrations/notices").content.decode().count(notice) == 2


def test_expired_call_of_two_channels_is_counted_once_and_linked(
    cabinet: Cabinet, counter: Counter, owner_client: Client
) -> None:
    Counter.objects.update(goal=factories.make_goal(counter=counter))
    call = store_call(cabinet=cabinet, started_at=timezone.now() - timedelta(days=22))

    page = owner_client.get("/lk/integrations").content.decode()

    sentence, expired = (
        "За неделю опоздали и уже не привяжутся звонки: 1.",
        f"{reverse('calls:history', args=[counter.pk])}?q=&amp;state=expired",
    )
    assert (sentence in page, expired in page) == (True, True)
    # The check of the connection, and the notices before theirs is stored, know it as well.
    doctor = owner_client.get("/lk/integrations/doctor").content.decode()
    assert (sentence in doctor, expired in doctor) == (True, True)
    assert not Notice.objects.exists()
    notices = owner_client.get("/lk/integrations/notices").content.decode()
    assert ("Всё в порядке" in notices, "Звонки опоздали" in notices) == (False, True)
    # Its page says why, after its arrival.
    why = "Он пришёл от источника через 22 дн. 0 ч после начала, когда срок уже прошёл."
    journey = owner_client.get(reverse("calls:journey", args=[call.pk])).content.decode()
    _before, arrival, rest = journey.partition("Звонок получен")
    assert (bool(arrival), "Опоздал</" in rest, why in rest) == (True, True, True)

    Delivery.objects.update(is_static=True)
    [warning] = expiry_warnings(Q(pk=counter.pk), now=timezone.now())
    assert (warning.expired, warning.lost) == (1, 0)
    assert warning.sentences == [f"За неделю опоздали звонки: 1. {ALL_STATIC}"]
    # The call says the same of itself.
    told = (
        "Он непривязанный, к визиту Метрика не привязала бы его и вовремя.",
        "уже не привяжет",
    )
    journey = owner_client.get(reverse("calls:journey", args=[call.pk])).content.decode()
    assert [one in journey for one in told] == [True, False]


def test_conversion_that_waits_for_another_goal_is_warned_of(
    cabinet: Cabinet, counter: Counter
) -> None:
    gone = factories.make_goal(counter=counter, deleted_at=timezone.now())
    Counter.objects.update(goal=gone, send_calls=False, accepts_from=None)
    call = store_call(cabinet=cabinet, started_at=timezone.now() - timedelta(days=20))
    row = Delivery.objects.get(call_id=call.pk)
    assert (row.state, row.reason) == (DeliveryState.SKIPPED, "goal_gone")

    [warning] = expiry_warnings(Q(pk=counter.pk), now=timezone.now())
    [later] = expiry_warnings(Q(pk=counter.pk), now=timezone.now() + timedelta(days=2))

    assert (warning.in_two_days, warning.in_a_week, warning.expired) == (1, 1, 0)
    assert (later.in_a_week, later.expired) == (0, 1)


def test_another_cabinet_sees_no_warning(waiting: Counter, stranger_client: Client) -> None:
    Counter.objects.update(enabled=False)

    with time_machine.travel(NOW + timedelta(days=1), tick=True):
        assert "привязываться" not in stranger_client.get("/lk/integrations").content.decode()


def test_delayed_file_is_sent_without_its_expired_calls(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    began = timezone.now() - timedelta(days=5)
    with time_machine.travel(began, tick=True):
        late = store_call(cabinet=cabinet, started_at=began - timedelta(days=20))
        early = store_call(cabinet=cabinet, started_at=began - timedelta(days=10))
        batching.build_uploads(now=timezone.now())
    delayed = Upload.objects.get()

    assert sending.send_due(seconds=10) == 0
    assert rows_in_metrika(sandbox) == []
    assert expiry.expire_overdue(now=timezone.now()) == 1
    batching.build_uploads(now=timezone.now())
    assert sending.send_due(seconds=10) == 1

    delayed.refresh_from_db()
    assert (delayed.state, delayed.attention) == ("cancelled", "gathered_anew")
    assert row_of(late).state == DeliveryState.EXPIRED
    assert [row["ClientId"] for row in rows_in_metrika(sandbox)] == [early.client_id]


@pytest.mark.contract("B23")
@pytest.mark.parametrize(
    ("age", "state", "attention"),
    [
        (timedelta(hours=48), "sent", ""),
        (timedelta(hours=48, seconds=1), "sent", "overdue"),
        (timedelta(days=21), "sent", "overdue"),
        (timedelta(days=21, seconds=1), "needs_attention", "no_outcome"),
    ],
)
def test_result_that_cannot_be_polled_becomes_overdue_and_then_given_up(
    counter: Counter, age: timedelta, state: str, attention: str
) -> None:
    YandexAccount.objects.update(state="reauth_required")
    upload = make_upload(counter=counter, state="sent", accepted_at=NOW - age)

    expiry.expire_overdue(now=NOW)

    upload.refresh_from_db()
    assert (upload.state, upload.attention) == (state, attention)


def test_call_stored_while_its_counter_was_removed_is_withdrawn(
    cabinet: Cabinet, counter: Counter
) -> None:
    call = store_call(cabinet=cabinet)
    Counter.objects.update(removed_at=timezone.now())

    assert expiry.expire_overdue(now=timezone.now()) == 1

    assert (row_of(call).state, row_of(call).reason) == (DeliveryState.SKIPPED, "counter_removed")


def test_calls_that_were_sent_long_ago_are_not_read(cabinet: Cabinet, counter: Counter) -> None:
    started_at = NOW - timedelta(days=15)
    with time_machine.travel(started_at, tick=False):
        call = store_call(cabinet=cabinet, started_at=started_at)
    sent = make_upload(counter=counter, state=UploadState.PROCESSED)
    in_file = {"upload": sent, "row_number": 1, "call_revision": 1}
    Delivery.objects.filter(call=call).update(state=DeliveryState.BATCHED, **in_file)
    copy_call(call, 5000)
    Counter.objects.update(enabled=False)

    with counted_blocks() as blocks:
        assert expiry_warnings(Q(cabinet=cabinet), now=NOW) == []

    assert blocks.total <= 40, blocks.worst
