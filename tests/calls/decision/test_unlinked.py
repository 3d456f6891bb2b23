"""Call-tracking calls without a usable identifier: one fate, whatever else the record holds."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cabinets.models import Cabinet, CallSource
from calls.decision.decide import decide
from calls.decision.redecide import decide_again
from calls.delivery import batching
from calls.delivery.rows import return_to_waiting
from calls.ingest.parsing.record import read_records
from calls.ingest.store import store_calls
from calls.models import Call, Delivery, UploadFile, Way
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.ledger import body_of, make_call, make_delivery, make_upload
from tests.calls.stored import row_of, store_call

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
NO_IDENTIFIER = {"yaClid": "", "callPage": "", "entryPointQuery": ""}
#: Fields that say nothing of who called.
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "callType": st.sampled_from(["", "-", "Динамический коллтрекинг", "dynamic"]),
    "call_type": st.sampled_from(["", "dynamic", "входящий"]),
    "isStatic": st.sampled_from([False, 0, "", "0", None]),
    "ctCampaignType": st.sampled_from(["", "динамическая"]),
    "ctCampaignName": st.sampled_from(["", "Распродажа"]),
    "callPage": st.sampled_from(["", "https://okna-stolica.example/", "/?yclid={yclid}"]),
    "userId": st.sampled_from(["", None, "{userId}", "undefined"]),
    "yclid": st.sampled_from(["", 0, "null"]),
    "gaClid": st.sampled_from(["", "123.456"]),
    "pagesCount": st.integers(0, 3),
    "tags": st.sampled_from([[], ["Целевой"]]),
    "managerNumber": st.sampled_from(["", "74950000000"]),
    "cbCallId": st.sampled_from(["", 0]),
}
RECORDS = st.lists(st.fixed_dictionaries({}, optional=OPTIONAL), min_size=20, max_size=40)


def store(source: CallSource, *items: dict[str, Any]) -> None:
    now = timezone.now()
    records = read_records(items, source_id=source.public_id, zone=None, now=now)
    assert [
        one.status for one in store_calls(source=source, records=records, now=now, way=Way.API)
    ] == ["created"] * len(items)


def fates(source: CallSource, channel: Channel = Channel.CALLS) -> set[tuple[Any, ...]]:
    rows = Delivery.objects.filter(cabinet=source.cabinet, channel=channel)
    return set(rows.values_list("state", "reason", "is_static"))


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(records=RECORDS, mode=st.sampled_from(["static", "skip"]))
@pytest.mark.django_db
def test_call_without_identifier_has_one_fate(records: list[dict[str, Any]], mode: str) -> None:
    cabinet = factories.make_cabinet()
    source = factories.make_source(cabinet=cabinet)
    account = factories.make_account(cabinet=cabinet)
    counter = factories.make_counter(account=account, unlinked_mode=mode)
    Counter.objects.filter(pk=counter.pk).update(goal=factories.make_goal(counter=counter))
    base = factories.v3_record(**NO_IDENTIFIER)
    del base["callType"]

    store(source, *(base | one | {"universalId": str(n)} for n, one in enumerate(records, 1)))

    expected = {
        "static": (DeliveryState.WAITING, None, True),
        "skip": (DeliveryState.SKIPPED, "unlinked_off", True),
    }
    assert fates(source) == {expected[mode]}
    assert fates(source, Channel.GOAL) == {(DeliveryState.SKIPPED, "unlinked_no_goal", True)}


def test_row_of_an_unlinked_call_agrees_with_its_file(cabinet: Cabinet, counter: Counter) -> None:
    store_call(cabinet=cabinet, client_id="")
    store_call(cabinet=cabinet, client_id="", kind="unknown")
    store_call(cabinet=cabinet, kind="static", client_id="7")

    assert batching.build_uploads(now=timezone.now() + timedelta(hours=1)) == 1

    body = body_of(UploadFile.objects.get(upload__is_static=True).pk)
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert [(row["StaticCall"], row["ClientId"]) for row in rows] == [("1", "")] * 3


def test_corrected_identifier_makes_an_unlinked_call_dynamic(
    cabinet: Cabinet, counter: Counter
) -> None:
    call = store_call(cabinet=cabinet, client_id="", kind="unknown")
    assert row_of(call).is_static

    Call.objects.filter(pk=call.pk).update(client_id="7", kind="dynamic")
    decide([call.pk], now=timezone.now())

    row = row_of(call)
    assert (row.state, row.id_kind, row.is_static) == (DeliveryState.WAITING, 1, False)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"kind": "dynamic"}, (DeliveryState.SKIPPED, "no_identifier")),
        ({"kind": "unknown", "duration_seconds": 300}, (DeliveryState.SKIPPED, "no_identifier")),
        ({"client_id": "7"}, (DeliveryState.WAITING, None)),
        ({"kind": "static"}, (DeliveryState.WAITING, None)),
        (
            {"unreadable_identifiers": {"ClientId": "1,7E+18"}},
            (DeliveryState.SKIPPED, "identifier_unreadable"),
        ),
    ],
)
def test_former_refusal_without_identifier_stays_until_the_record_names_the_visitor(
    cabinet: Cabinet, counter: Counter, changes: dict[str, Any], state: tuple[Any, ...]
) -> None:
    call = store_call(cabinet=cabinet, client_id="")
    Delivery.objects.filter(call_id=call.pk, channel=Channel.CALLS).update(
        state=DeliveryState.SKIPPED, reason="no_identifier", waited=True, is_static=False
    )

    Call.objects.filter(pk=call.pk).update(**changes)
    decide([call.pk], now=timezone.now())
    decide_again(counter.pk, now=timezone.now())

    assert (row_of(call).state, row_of(call).reason) == state


@pytest.mark.parametrize("order", [["Yclid", "UserId"], ["UserId"]])
def test_unreadable_identifier_outside_the_order_keeps_the_call_from_going_unlinked(
    cabinet: Cabinet, counter: Counter, order: list[str]
) -> None:
    Counter.objects.filter(pk=counter.pk).update(identifier_order=order)

    call = store_call(cabinet=cabinet, client_id="", unreadable_identifiers={"ClientId": "1,7E+18"})

    assert row_of(call).compared == ["ClientId", "1,7E+18", True]
    assert batching.build_uploads(now=timezone.now() + timedelta(hours=1)) == 0


def test_changed_setting_applies_to_waiting_unlinked_calls(
    cabinet: Cabinet, counter: Counter
) -> None:
    call = store_call(cabinet=cabinet, client_id="")
    for mode, expected in (("skip", "unlinked_off"), ("static", None)):
        Counter.objects.filter(pk=counter.pk).update(unlinked_mode=mode)
        decide_again(counter.pk, now=timezone.now())
        assert row_of(call).reason == expected


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("age", "left"),
    [
        (timedelta(days=1), timedelta(days=19)),
        (timedelta(days=19, hours=23), timedelta(hours=1)),
        (timedelta(days=20, hours=1), timedelta(0)),
        (timedelta(days=22), timedelta(days=-1)),
    ],
)
def test_no_call_is_held_into_its_last_day(
    cabinet: Cabinet, counter: Counter, age: timedelta, left: timedelta
) -> None:
    Counter.objects.filter(pk=counter.pk).update(defer_value=20, defer_unit="days")

    call = store_call(cabinet=cabinet, started_at=NOW - age, duration_seconds=30 * 86400)

    assert row_of(call).not_before == NOW + left
    expired = age > timedelta(days=21)
    assert row_of(call).state == (DeliveryState.EXPIRED if expired else DeliveryState.WAITING)


@time_machine.travel(NOW, tick=False)
def test_failed_attempt_is_not_held_past_the_horizon(
    cabinet: Cabinet, counter: Counter, settings: Any
) -> None:
    settings.ATTEMPT_WAIT_SECONDS = 3 * 86400
    started = NOW - timedelta(days=19)

    call = store_call(
        cabinet=cabinet, started_at=started, kind="callback", order_key=1, status="fail"
    )

    assert row_of(call).not_before == NOW + timedelta(days=1)


def test_database_refuses_a_row_held_past_its_horizon(cabinet: Cabinet, counter: Counter) -> None:
    row = row_of(store_call(cabinet=cabinet))
    late = row.expires_at + timedelta(microseconds=1)

    with pytest.raises(IntegrityError, match="delivery_held_within_horizon"), transaction.atomic():
        Delivery.objects.row(row).update(not_before=late)

    assert Delivery.objects.row(row).get().not_before == row.not_before


def test_late_rows_of_a_rebuilt_upload_return_within_their_horizon(
    cabinet: Cabinet, counter: Counter
) -> None:
    now = timezone.now()
    call = make_call(cabinet=cabinet, started_at=now - timedelta(days=21, minutes=1))
    upload = make_upload(counter=counter)
    make_delivery(call=call, counter=counter, upload=upload)

    assert return_to_waiting(upload, now=now) == 1

    assert row_of(call).state == DeliveryState.EXPIRED


def test_migration_releases_rows_that_were_held_past_their_horizon(
    cabinet: Cabinet, counter: Counter
) -> None:
    mend = import_module("calls.migrations.0011_held_within_horizon").MEND
    held_sql = import_module("calls.migrations.0014_held_within_horizon_check").HELD
    future, past, fine = (row_of(store_call(cabinet=cabinet)) for _ in range(3))
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE calls_delivery DROP CONSTRAINT delivery_held_within_horizon")
        late = now + timedelta(days=30)
        Delivery.objects.row(future).update(not_before=late)
        Delivery.objects.row(past).update(not_before=late, expires_at=now - timedelta(days=1))
        cursor.execute(mend)
        cursor.execute(held_sql)

    held = {row.pk: row for row in Delivery.objects.filter(channel=Channel.CALLS)}
    assert held[future.pk].not_before == future.expires_at - timedelta(days=1)
    assert held[past.pk].not_before == now - timedelta(days=1)
    assert held[fine.pk].not_before == fine.not_before
