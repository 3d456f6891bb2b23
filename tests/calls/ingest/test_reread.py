"""Stored calls that a former version took for static ones, read again after an upgrade."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from cabinets.models import Cabinet, CallSource
from calls.ingest import reread
from calls.ingest.parsing.record import read_records
from calls.ingest.reread import Reread, reread_calls
from calls.ingest.store import store_calls
from calls.models import Call, Delivery, Way
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.stored import row_of, store_call

NO_HINT = {"callType": "", "yaClid": "", "callPage": "", "entryPointQuery": ""}
UNREADABLE = "1,71803E+18"


def store_as_formerly(cabinet: Cabinet, **fields: Any) -> Call:
    """Store a call as version 4cd5446 did: without a usable identifier it is a static one."""
    raw = factories.v3_record(**NO_HINT | fields)
    return store_call(cabinet=cabinet, kind="static", client_id="", raw=raw)


def state_of(call: Call, channel: Channel = Channel.CALLS) -> tuple[Any, ...]:
    row = row_of(call, channel)
    return row.state, row.reason


@pytest.fixture
def goal_counter(counter: Counter) -> Counter:
    Counter.objects.filter(pk=counter.pk).update(goal=factories.make_goal(counter=counter))
    return counter


@pytest.mark.parametrize(
    ("sent", "kind", "unreadable"),
    [
        (UNREADABLE, "dynamic", UNREADABLE),
        # The database writes the number out: it must not pass for an identifier.
        (1.71803e18, "dynamic", "1.71803E+18"),
    ],
)
def test_unreadable_identifier_waits_for_a_person_after_the_upgrade(
    cabinet: Cabinet, goal_counter: Counter, sent: Any, kind: str, unreadable: str
) -> None:
    call = store_as_formerly(cabinet, yaClid=sent)
    assert state_of(call) == (DeliveryState.WAITING, None)
    assert state_of(call, Channel.GOAL) == (DeliveryState.SKIPPED, "static_no_goal")

    assert reread_calls(now=timezone.now()) == Reread(read=1, changed=1)

    stored = Call.objects.get(pk=call.pk)
    assert (stored.kind, stored.client_id, stored.revision) == (kind, "", call.revision + 1)
    assert stored.unreadable_identifiers == {"ClientId": unreadable}
    assert state_of(call) == (DeliveryState.SKIPPED, "identifier_unreadable")
    assert state_of(call, Channel.GOAL) == (DeliveryState.SKIPPED, "identifier_unreadable")


def test_identifier_that_is_read_by_now_links_the_call(
    cabinet: Cabinet, goal_counter: Counter
) -> None:
    call = store_as_formerly(cabinet, yaClid="'1718030000123456789'")

    reread_calls(now=timezone.now())

    assert Call.objects.get(pk=call.pk).client_id == "1718030000123456789"
    assert not row_of(call).is_static
    assert state_of(call) == state_of(call, Channel.GOAL) == (DeliveryState.WAITING, None)


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        ("static", (DeliveryState.WAITING, None)),
        ("skip", (DeliveryState.SKIPPED, "unlinked_off")),
    ],
)
def test_call_without_any_identifier_follows_the_setting(
    cabinet: Cabinet, counter: Counter, mode: str, state: tuple[Any, ...]
) -> None:
    Counter.objects.filter(pk=counter.pk).update(unlinked_mode=mode)
    call = store_as_formerly(cabinet)

    reread_calls(now=timezone.now())

    stored = Call.objects.filter(unreadable_identifiers__isnull=True).get(pk=call.pk)
    assert stored.kind == "unknown"
    assert state_of(call) == state


def test_static_call_by_its_own_record_stays(cabinet: Cabinet, counter: Counter) -> None:
    call = store_as_formerly(cabinet, yaClid=UNREADABLE, isStatic=True, callType="Статический")

    assert reread_calls(now=timezone.now()) == Reread(read=1, changed=1)

    assert Call.objects.get(pk=call.pk).kind == "static"
    assert state_of(call) == (DeliveryState.WAITING, None)


def test_calls_that_no_delivery_waits_for_are_not_read(cabinet: Cabinet, counter: Counter) -> None:
    gone, late = (store_as_formerly(cabinet, yaClid=UNREADABLE) for _ in range(2))
    now = timezone.now()
    Delivery.objects.filter(call_id=gone.pk).update(state=DeliveryState.SKIPPED, reason="too_short")
    Delivery.objects.filter(call_id=late.pk).update(not_before=now, expires_at=now)

    assert reread_calls(now=now) == Reread(read=0, changed=0)

    assert set(Call.objects.values_list("kind", flat=True)) == {"static"}


def test_counter_that_was_added_later_does_not_get_the_call(
    cabinet: Cabinet, counter: Counter
) -> None:
    call = store_as_formerly(cabinet)
    later = factories.make_counter(account=counter.account)

    reread_calls(now=timezone.now())

    assert not Delivery.objects.filter(call_id=call.pk, counter=later).exists()


def test_batches_are_repeated_safely(
    cabinet: Cabinet, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reread, "BATCH", 2)
    calls = [store_as_formerly(cabinet, yaClid=UNREADABLE) for _ in range(3)]

    assert reread_calls(now=timezone.now()) == Reread(read=3, changed=3)
    assert reread_calls(now=timezone.now()) == Reread(read=0, changed=0)

    assert {state_of(call)[1] for call in calls} == {"identifier_unreadable"}


def test_command_counts_before_it_changes(cabinet: Cabinet, counter: Counter) -> None:
    call = store_as_formerly(cabinet, yaClid=UNREADABLE)
    printed = StringIO()

    call_command("reread_calls", dry_run=True, stdout=printed)
    assert printed.getvalue() == "1 calls read again, 1 would change\n"
    assert state_of(call) == (DeliveryState.WAITING, None)

    call_command("reread_calls", stdout=printed)
    assert printed.getvalue().endswith("1 calls read again, 1 changed\n")
    assert state_of(call) == (DeliveryState.SKIPPED, "identifier_unreadable")


def test_migrate_reads_stored_calls_again(cabinet: Cabinet, counter: Counter) -> None:
    call = store_as_formerly(cabinet, yaClid=UNREADABLE)

    call_command("migrate", verbosity=0, interactive=False)

    assert state_of(call) == (DeliveryState.SKIPPED, "identifier_unreadable")


def test_same_record_read_anew_agrees_with_the_reread_one(
    cabinet: Cabinet, counter: Counter
) -> None:
    source: CallSource = factories.make_source(cabinet=cabinet)
    raw = factories.v3_record(**NO_HINT | {"yaClid": UNREADABLE})
    now = timezone.now()
    (record,) = read_records([raw], source_id=source.public_id, zone=None, now=now)
    store_calls(source=source, records=[record], now=now, way=Way.API)
    fresh = Call.objects.get()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE calls_call SET kind = 'static', unreadable_identifiers = NULL WHERE id = %s",
            [fresh.pk],
        )
    Delivery.objects.filter(call_id=fresh.pk, channel=Channel.CALLS).update(
        state=DeliveryState.WAITING, reason=None, compared=None, is_static=True, id_kind=1
    )

    reread_calls(now=now)

    stored = Call.objects.get()
    names = ("kind", "client_id", "yclid", "user_id", "unreadable_identifiers")
    assert [getattr(stored, one) for one in names] == [getattr(fresh, one) for one in names]
