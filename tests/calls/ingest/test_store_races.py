"""Concurrent requests with the same calls: one call, one decision, no deadlock."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from cabinets.models import CallSource
from calls.models import Call, CallKey, Delivery, IngestReceipt
from counters.models import Counter
from tests import factories
from tests.calls.posting import new_webhook_id, post_calls

pytestmark = pytest.mark.django_db(transaction=True)
REQUESTS = 20


def concurrently(attempts: list[Callable[[], Any]]) -> list[Any]:
    """Run the attempts in threads that start together, each with a connection of its own."""
    barrier = Barrier(len(attempts))

    def run(attempt: Callable[[], Any]) -> Any:
        barrier.wait(timeout=30)
        try:
            return attempt()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


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
    assert Delivery.objects.filter(counter=counter).count() == 2
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
    assert Delivery.objects.count() == 120
    created = [
        result["universalId"]
        for answer in answers
        for result in answer.json()["results"]
        if result["status"] == "created"
    ]
    assert sorted(created) == sorted(call["universalId"] for call in calls)
