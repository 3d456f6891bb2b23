"""Concurrent requests with the same calls: one call, one decision, no deadlock."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from cabinets.models import CallSource
from calls.ingest.parsing.former_id import beginning, former_id
from calls.models import Call, CallKey, Delivery, IngestReceipt
from counters.models import Counter
from tests import factories
from tests.calls.posting import new_webhook_id, post_calls
from tests.calls.stored import store_call

pytestmark = pytest.mark.django_db(transaction=True)
REQUESTS = 20


def concurrently(attempts: list[Callable[[], Any]]) -> list[Any]:
    """Run the attempts in threads that start together, each with a connection of its own."""
    barrier = Barrier(len(attempts))

    def run(attempt: Callable[[], Any]) -> Any:
        barrier.wait(timeout=60)
        try:
            return attempt()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


def an_hour_ago() -> int:
    return int(timezone.now().timestamp()) - 3600


@pytest.mark.contract("A2")
@pytest.mark.parametrize("same_webhook_id", [True, False], ids=["one-delivery", "many-deliveries"])
def test_concurrent_copies_of_one_call_make_one_call(
    source: CallSource, counter: Counter, same_webhook_id: bool
) -> None:
    body = json.dumps(factories.v3_record()).encode()
    ids = [new_webhook_id() for _number in range(REQUESTS)]
    ids = [ids[0]] * REQUESTS if same_webhook_id else ids

    answers = concurrently(
        [partial(post_calls, body, source=source, webhook_id=one) for one in ids]
    )

    assert [answer.status_code for answer in answers] == [202] * REQUESTS
    call = Call.objects.get()
    assert CallKey.objects.count() == 1
    assert Delivery.objects.filter(counter=counter).count() == 1
    assert {answer.json()["results"][0]["call_id"] for answer in answers} == {call.pk}
    assert sum(not answer.json()["duplicate"] for answer in answers) == 1
    assert IngestReceipt.objects.count() == len(set(ids))
    assert call.revision == 1


def test_requests_with_the_same_calls_in_opposite_order_do_not_deadlock(
    source: CallSource, counter: Counter
) -> None:
    calls = [factories.v3_record() for _number in range(60)]
    changed = [call | {"tags": ["изменён"]} for call in calls]
    bodies = [calls, calls[::-1], changed, changed[::-1]] * 2

    answers = concurrently([partial(post_calls, {"calls": body}, source=source) for body in bodies])

    assert [answer.status_code for answer in answers] == [202] * len(bodies)
    assert Call.objects.count() == 60
    assert Delivery.objects.count() == 60
    created = [
        result["universalId"]
        for answer in answers
        for result in answer.json()["results"]
        if result["status"] == "created"
    ]
    assert sorted(created) == sorted(call["universalId"] for call in calls)


def test_concurrent_copies_of_a_call_of_an_earlier_version_find_it(
    source: CallSource, counter: Counter
) -> None:
    start = an_hour_ago()
    item = factories.v3_record(universalId="", ctCallId=559, callTime=start)
    started_at = datetime.fromtimestamp(start, UTC)
    former = former_id(item, begin=beginning(source.public_id, started_at))
    call = store_call(cabinet=source.cabinet, external_id=former, started_at=started_at)

    answers = concurrently([partial(post_calls, item, source=source)] * REQUESTS)

    assert [answer.status_code for answer in answers] == [202] * REQUESTS
    assert {answer.json()["results"][0]["call_id"] for answer in answers} == {call.pk}
    assert sum(not answer.json()["duplicate"] for answer in answers) == 1
    assert Call.objects.get().external_id == CallKey.objects.get().external_id == former


def test_concurrent_versions_with_other_ids_make_one_call(
    source: CallSource, counter: Counter
) -> None:
    """Whichever comes first, each of the others has its id as an alias, or is the same."""
    start = an_hour_ago()
    base = {"callTime": start, "clientNumber": "79161234567", "callId": 559}
    items = [base, base | {"routePhone": "74950000001"}, base | {"tags": ["Новый"]}]
    store_first = post_calls({"callTime": start, "clientNumber": "79161234567"}, source=source)
    named = [base | {"universalId": "U1", "ctCallId": 77}, base | {"ctCallId": 77}]

    answers = concurrently(
        [partial(post_calls, one, source=source) for one in (*items, *named) * 4]
    )

    assert [answer.status_code for answer in answers] == [202] * 20
    call = Call.objects.get()
    assert call.pk == store_first.json()["results"][0]["call_id"]
    assert {answer.json()["results"][0]["call_id"] for answer in answers} == {call.pk}
    assert CallKey.objects.count() == 1
    assert Delivery.objects.count() == 1


def test_concurrent_requests_with_crossed_aliases_do_not_deadlock(
    source: CallSource, counter: Counter
) -> None:
    start = an_hour_ago()
    plain = [
        {"callTime": start - number, "clientNumber": f"7916{number:07d}", "ctCallId": number + 1}
        for number in range(40)
    ]
    store_first = [plain[number] | {"ctCallId": 0} for number in range(0, 40, 2)]
    assert post_calls({"calls": store_first}, source=source).status_code == 202
    tagged = [one | {"tags": ["Новый"]} for one in plain]
    bodies = [plain, plain[::-1], tagged, tagged[::-1]] * 3

    answers = concurrently([partial(post_calls, {"calls": body}, source=source) for body in bodies])

    assert [answer.status_code for answer in answers] == [202] * len(bodies)
    assert Call.objects.count() == CallKey.objects.count() == 40
    assert Delivery.objects.count() == 40


def test_of_two_calls_that_come_at_once_under_one_id_one_is_rejected(
    source: CallSource, counter: Counter
) -> None:
    start = an_hour_ago()
    item = factories.v3_record(callTime=start)
    other = item | {"callTime": start + 600}

    answers = concurrently([partial(post_calls, one, source=source) for one in (item, other) * 5])

    statuses = [answer.json()["results"][0]["status"] for answer in answers]
    assert sorted(statuses) == ["created", *["duplicate"] * 4, *["rejected"] * 5]
    call = Call.objects.get()
    assert call.revision == 1
    assert call.conflict is not None
    assert {datetime.fromisoformat(call.conflict["started_at"]), call.started_at} == {
        datetime.fromtimestamp(start, UTC),
        datetime.fromtimestamp(start + 600, UTC),
    }
    assert Delivery.objects.count() == 1
