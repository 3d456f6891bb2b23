"""A field that comes later brings a stronger id and no second call."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cabinets.models import CallSource
from calls.models import Call, CallKey
from counters.models import Counter
from tests import factories
from tests.calls.ingest.storing import store

pytestmark = pytest.mark.django_db
START = int(timezone.now().timestamp()) - 7200
PHONE = "79161234567"
#: Fields in the order in which they come, from the weakest id to the strongest.
LATER: list[dict[str, Any]] = [
    {},
    {"routePhone": "74950000001"},
    {"callId": 559},
    {"serviceType": "calltracking"},
    {"ctCallId": 77},
    {"universalId": "U1"},
]


def record(**fields: Any) -> dict[str, Any]:
    return {"callTime": START, "clientNumber": PHONE} | fields


def grown() -> list[dict[str, Any]]:
    """Return the records of one call, each with a field more than the one before."""
    items, item = [], record()
    for fields in LATER:
        item = item | fields
        items.append(item)
    return items


@pytest.mark.parametrize("in_one_request", [True, False])
def test_call_whose_fields_come_one_by_one_is_one_call(
    source: CallSource, counter: Counter, in_one_request: bool
) -> None:
    items = grown()

    if in_one_request:
        results = store(source, *items)
    else:
        results = [one for item in items for one in store(source, item)]

    assert [one.status for one in results] == ["created", *["updated"] * 5]
    call = Call.objects.get()
    assert {one.call_id for one in results} == {call.pk}
    assert call.external_id == CallKey.objects.get().external_id == results[0].external_id
    assert call.revision == len(items)


@pytest.mark.parametrize(("first", "second"), list(combinations(range(len(LATER)), 2)))
@pytest.mark.parametrize("number", [PHONE, ""])
def test_any_later_version_of_a_call_finds_it(
    source: CallSource, first: int, second: int, number: str
) -> None:
    items = grown()

    [created] = store(source, items[first] | {"clientNumber": number})
    [updated] = store(source, items[second] | {"clientNumber": number})

    assert (created.status, updated.status) == ("created", "updated")
    assert created.call_id == updated.call_id


@pytest.mark.parametrize(
    "later",
    [
        {"yaClid": "12"},
        {"yaClid": "12", "routePhone": "74950000001"},
        {"managerNumber": "74950000001"},
    ],
)
def test_call_without_a_number_is_found_when_visitor_or_line_come(
    source: CallSource, later: dict[str, Any]
) -> None:
    results = [
        *store(source, record(clientNumber="")),
        *store(source, record(clientNumber="") | later),
    ]

    assert [one.status for one in results] == ["created", "updated"]


def test_call_is_found_when_its_number_comes(source: CallSource) -> None:
    hidden = record(clientNumber="", yaClid="12")

    results = [*store(source, hidden), *store(source, hidden | {"clientNumber": PHONE})]

    assert [one.status for one in results] == ["created", "updated"]
    assert Call.objects.get().phone == f"+{PHONE}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"routePhone": "74950000001"}, {"routePhone": "74950000002"}),
        ({"yaClid": "12"}, {"yaClid": "13"}),
        (
            {"yaClid": "12", "routePhone": "74950000001"},
            {"yaClid": "13", "routePhone": "74950000001"},
        ),
        ({"routePhone": "74950000001"}, {"yaClid": "13", "routePhone": "74950000002"}),
    ],
)
def test_calls_without_numbers_in_one_second_stay_apart(
    source: CallSource, one: dict[str, Any], other: dict[str, Any]
) -> None:
    hidden = record(clientNumber="")

    results = store(source, hidden | one, hidden | other)

    assert [result.status for result in results] == ["created", "created"]


@pytest.mark.parametrize(
    "other",
    [
        {"clientNumber": "79031112233"},
        {"callTime": START + 600},
    ],
)
def test_other_call_under_the_weaker_id_gets_a_key_of_its_own(
    source: CallSource, other: dict[str, Any]
) -> None:
    store(source, record(ctCallId=77))

    [result] = store(source, record(ctCallId=77, universalId="U1") | other)

    assert (result.status, result.external_id) == ("created", "U1")
    assert Call.objects.filter(conflict_at=None).count() == 2


@pytest.mark.parametrize("in_one_request", [True, False])
def test_two_different_ids_of_one_kind_are_two_calls(
    source: CallSource, in_one_request: bool
) -> None:
    items = [record(), record(universalId="U1"), record(universalId="U2")]

    if in_one_request:
        results = store(source, *items)
    else:
        results = [one for item in items for one in store(source, item)]

    assert [one.status for one in results] == ["created", "updated", "created"]
    assert results[2].external_id == "U2"


def test_call_of_another_cabinet_is_not_joined(source: CallSource) -> None:
    other = factories.make_source(cabinet=factories.make_cabinet(name="Клиника Урал"))
    store(other, record(ctCallId=77))

    [result] = store(source, record(ctCallId=77, universalId="U1"))

    assert (result.status, result.external_id) == ("created", "U1")


def test_aliases_add_no_statement(source: CallSource) -> None:
    items = [record(ctCallId=number, callTime=START + number) for number in range(1, 51)]
    store(source, *items)
    named = [item | {"universalId": f"U{item['ctCallId']}"} for item in items]
    new = [record(universalId=f"N{number}", callTime=START - number) for number in range(50)]

    with CaptureQueriesContext(connection) as few:
        store(source, named[0], new[0])
    with CaptureQueriesContext(connection) as many:
        store(source, *named[1:], *new[1:])

    assert len(many) == len(few)
    assert Call.objects.count() == 100
