"""Calls stored under a derived id of earlier versions are found when they are sent again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cabinets.models import CallSource
from calls.ingest.parsing.former_id import beginning, former_id
from calls.models import Call, CallKey
from tests import factories
from tests.calls.ingest.storing import store
from tests.calls.stored import store_call

pytestmark = pytest.mark.django_db
START = int(timezone.now().timestamp()) - 7200
STARTED_AT = datetime.fromtimestamp(START, UTC)


def record(**fields: Any) -> dict[str, Any]:
    return factories.v3_record(universalId="", callTime=START) | fields


def store_formerly(source: CallSource, item: dict[str, Any]) -> Call:
    """Store the call as earlier versions did."""
    return store_call(
        cabinet=source.cabinet,
        external_id=former_id(item, begin=beginning(source.public_id, STARTED_AT)),
        started_at=STARTED_AT,
    )


@pytest.mark.parametrize(
    "fields", [{}, {"ctCallId": 559}, {"serviceType": "callback", "cbCallId": 7}]
)
def test_call_of_an_earlier_version_is_found(source: CallSource, fields: dict[str, Any]) -> None:
    item = record(**fields)
    call = store_formerly(source, item)

    [changed] = store(source, item | {"tags": ["Новый"]})
    [same] = store(source, item | {"tags": ["Новый"]})

    assert (changed.status, changed.call_id) == ("updated", call.pk)
    assert changed.external_id == call.external_id
    assert (same.status, same.call_id) == ("duplicate", call.pk)
    stored = Call.objects.get()
    assert (stored.external_id, stored.tags) == (call.external_id, ["Новый"])
    assert CallKey.objects.get().external_id == call.external_id


def test_call_without_a_former_one_gets_its_own_key(source: CallSource) -> None:
    former = store_formerly(source, record(clientNumber="79990000000"))

    [result] = store(source, record(ctCallId=559))

    assert (result.status, result.external_id) == ("created", "calltracking-559")
    assert set(CallKey.objects.values_list("external_id", flat=True)) == {
        former.external_id,
        "calltracking-559",
    }


def test_former_call_of_another_cabinet_is_not_found(source: CallSource) -> None:
    item = record(ctCallId=559)
    other = factories.make_cabinet(name="Клиника Урал")
    store_call(
        cabinet=other,
        external_id=former_id(item, begin=beginning(source.public_id, STARTED_AT)),
    )

    assert [one.status for one in store(source, item)] == ["created"]
    assert Call.objects.count() == 2


def test_own_id_is_preferred_to_the_former_one(source: CallSource) -> None:
    item = record(ctCallId=559)
    [own] = store(source, item)
    store_formerly(source, item)

    [again] = store(source, item | {"tags": ["Новый"]})

    assert (again.status, again.call_id) == ("updated", own.call_id)


def test_of_two_ids_one_joins_a_former_call(source: CallSource) -> None:
    call = store_formerly(source, record())

    results = store(source, record(ctCallId=1), record(ctCallId=2))

    assert (results[0].status, results[0].call_id) == ("updated", call.pk)
    assert (results[1].status, results[1].external_id) == ("created", "calltracking-2")
    stored = Call.objects.get(pk=call.pk)
    assert (stored.revision, stored.raw["ctCallId"]) == (2, 1)


def test_call_that_changes_is_one_call(source: CallSource) -> None:
    ringing = record(statusFirst=707, statusSecond=0, status="", duration=0)

    results = [*store(source, ringing), *store(source, record(routePhone="74950000009"))]

    assert [one.status for one in results] == ["created", "updated"]
    assert Call.objects.get().duration_seconds == 152


def test_former_ids_add_no_statement(source: CallSource) -> None:
    items = [record(ctCallId=number, callTime=START + number) for number in range(1, 101)]
    store(source, *items[:50])

    with CaptureQueriesContext(connection) as few:
        store(source, items[0] | {"tags": ["a"]}, record(ctCallId=1000))
    with CaptureQueriesContext(connection) as many:
        store(source, *[one | {"tags": ["b"]} for one in items])

    assert len(many) == len(few)
    assert Call.objects.count() == 101
