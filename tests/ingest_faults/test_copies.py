"""Copies, changes and invalid records sent to the real web server: one call, one row."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import requests

from calls.models import Call, CallKey, Delivery, IngestReceipt, Upload
from calls.states import Channel
from tests import factories
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.ingest_faults.web_server import WebServer, results

COPIES = 50
BULK, BROKEN = 500, (0, 250, 499)


def at_once(count: int, act: Callable[[int], requests.Response]) -> list[requests.Response]:
    """Run the act in threads that start together."""
    barrier = Barrier(count)

    def run(number: int) -> requests.Response:
        barrier.wait(timeout=60)
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.contract("A2")
@pytest.mark.parametrize("distinct_ids", [1, COPIES], ids=["one-webhook-id", "many-webhook-ids"])
def test_fifty_simultaneous_copies_create_one_call_and_get_the_same_id(
    scenario: Scenario, web_server: WebServer, result: Result, distinct_ids: int
) -> None:
    scenario.link(counters=2)
    record = factories.v3_record()
    ids = [uuid.uuid4().hex for _ in range(distinct_ids)] * (COPIES // distinct_ids)

    answers = at_once(
        COPIES,
        lambda number: web_server.post([record], source=scenario.source, webhook_id=ids[number]),
    )

    call = Call.objects.get()
    outcomes = [results(answer)[0] for answer in answers]
    assert {one["call_id"] for one in outcomes} == {call.pk}
    assert sum(not answer.json()["duplicate"] for answer in answers) == 1
    assert (CallKey.objects.count(), call.revision) == (1, 1)
    assert IngestReceipt.objects.count() == distinct_ids
    rows = Delivery.objects.values_list("counter_id", "channel")
    # No goal is chosen.
    assert sorted(rows) == [(counter.pk, Channel.CALLS) for counter in scenario.counters]
    result.fault = f"{COPIES} copies of a call at once under {distinct_ids} webhook-id"
    result.calls = COPIES
    result.extra = {"calls_stored": 1}


@pytest.mark.contract("A7")
def test_invalid_records_of_a_bulk_are_reported_and_all_others_stored(
    scenario: Scenario, web_server: WebServer, result: Result
) -> None:
    scenario.link()
    records: list[Any] = [factories.v3_record() for _ in range(BULK)]
    records[BROKEN[0]] = 5
    records[BROKEN[1]] = {**records[BROKEN[1]], "callTime": "вчера"}
    records[BROKEN[2]] = {"universalId": "7"}
    webhook_id = uuid.uuid4().hex

    first = web_server.post(records, source=scenario.source, webhook_id=webhook_id)
    again = web_server.post(records, source=scenario.source, webhook_id=webhook_id)
    anew = web_server.post(records, source=scenario.source)

    outcomes = results(first)
    assert [one["index"] for one in outcomes] == list(range(BULK))
    rejected = {
        one["index"]: one["error"]["code"] for one in outcomes if one["status"] == "rejected"
    }
    assert rejected == {0: "not_an_object", 250: "bad_time", 499: "missing_field"}
    assert sum(one["status"] == "created" for one in outcomes) == BULK - len(BROKEN)
    assert results(again) == outcomes
    assert again.json()["duplicate"] is True
    assert sum(one["status"] == "duplicate" for one in results(anew)) == BULK - len(BROKEN)
    assert set(Call.objects.values_list("revision", flat=True)) == {1}
    assert Call.objects.count() == BULK - len(BROKEN)
    assert Delivery.objects.count() == BULK - len(BROKEN)
    result.fault = f"a bulk of {BULK} with {len(BROKEN)} broken records, posted three times"
    result.calls = BULK - len(BROKEN)


@pytest.mark.contract("A3")
def test_call_changed_before_and_after_the_claim_is_sent_once(
    scenario: Scenario, web_server: WebServer, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    record = factories.v3_record(duration=10)

    outcomes = [
        results(web_server.post([record | {"duration": seconds}], source=scenario.source))[0][
            "status"
        ]
        for seconds in (10, 20)
    ]
    workers.start()
    scenario.wait_settled()
    changed = web_server.post([record | {"duration": 30}], source=scenario.source)
    outcomes.append(results(changed)[0]["status"])
    seconds = scenario.wait_settled()

    assert outcomes == ["created", "updated", "updated"]
    call = Call.objects.get()
    row = Delivery.objects.get(channel=Channel.CALLS)
    assert (call.revision, row.call_revision, call.duration_seconds) == (3, 2, 30)
    assert [int(line["TalkDuration"]) for line in scenario.sandbox.rows()] == [20]
    assert Upload.objects.count() == 1
    balance = scenario.balance()
    assert balance.mismatches() == []
    result.fault = "other content under a known id, before and after the claim"
    result.measure(balance, seconds)
