"""A few new calls are inserted otherwise than many, and are stored and decided the same."""

from __future__ import annotations

import json
import re
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cabinets.models import CallSource
from calls.ingest.new_calls import FEW
from calls.ingest.parsing.json_values import digest_bytes
from calls.models import Call, CallKey, Delivery, IngestReceipt
from counters.models import Counter
from tests import factories
from tests.calls.decision.plans import Node, nodes_of
from tests.calls.locks import wait_for_lock
from tests.calls.posting import post_calls
from tests.calls.runtime.test_copying import ODD

pytestmark = pytest.mark.django_db(transaction=True)
#: Columns that differ between calls of the same content.
OWN = ("_state", "id", "external_id", "raw", "content_hash", "received_at", "updated_at")


def odd_records() -> list[dict[str, Any]]:
    """Return records with what SQL and COPY give a meaning, each with another one."""
    texts = [text.strip() or "x" for text in (*ODD, "'", "''; --", "%s", "%(ids)s", "$1", "E'\\'")]
    start = timezone.now().isoformat()
    return [
        factories.v3_record(
            callTime=start, ctCampaignName=text, tags=[text, "б"], yaClid=f"1{text}", new=text
        )
        for text in texts
    ]


def rows_of(calls: list[int]) -> list[dict[str, Any]]:
    """Return the columns of the calls that records of the same content have in common."""
    rows: list[dict[str, Any]] = [
        vars(one) for one in Call.objects.filter(pk__in=calls).order_by("pk")
    ]
    kept = [{name: one[name] for name in one if name not in OWN} for one in rows]
    contents = [{name: one["raw"][name] for name in ("ctCampaignName", "new")} for one in rows]
    return [one | content for one, content in zip(kept, contents, strict=True)]


def stored(items: list[dict[str, Any]], source: CallSource) -> list[int]:
    """Post the records as one request; return the keys of the created calls."""
    answer = post_calls({"calls": items}, source=source)
    assert answer.status_code == 202
    assert {one["status"] for one in answer.json()["results"]} == {"created"}
    return [one["call_id"] for one in answer.json()["results"]]


def test_values_are_stored_as_by_copy(source: CallSource, counter: Counter) -> None:
    items = odd_records()
    again = [one | {"universalId": f"{one['universalId']}0"} for one in items]
    assert len(items) > FEW

    many = stored(items, source)
    few = [
        call for start in range(0, len(again), FEW) for call in stored(again[start:][:FEW], source)
    ]

    assert rows_of(few) == rows_of(many)
    decisions = ("channel", "state", "reason", "compared", "id_kind", "is_static", "waited")
    assert list(_deliveries(few, decisions)) == list(_deliveries(many, decisions))
    assert len(_deliveries(few, decisions)) == len(items)


def _deliveries(calls: list[int], columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
    found = Delivery.objects.filter(call_id__in=calls).order_by("call_id", "channel")
    return list(found.values_list(*columns))


def test_receipt_that_came_meanwhile_takes_the_call_back(
    source: CallSource, counter: Counter
) -> None:
    """As that of a copy of the request with ids in another order, which takes other locks."""
    post_calls(factories.v3_record(), source=source)
    body = json.dumps(factories.v3_record()).encode()
    came: list[str] = []

    def come_first(execute: Any, sql: str, *context: Any) -> Any:
        if "EXECUTE insert_call" in sql and not came:
            came.append(sql)
            with ThreadPoolExecutor(1) as other:
                other.submit(_save_receipt, source, body).result()
        return execute(sql, *context)

    with connection.execute_wrapper(come_first):
        answer = post_calls(body, source=source, webhook_id="msg-copy")

    assert len(came) == 1
    assert (answer.status_code, answer.json()) == (202, {"results": [], "duplicate": True})
    assert Call.objects.count() == CallKey.objects.count() == Delivery.objects.count() == 1
    assert IngestReceipt.objects.count() == 2


def _save_receipt(source: CallSource, body: bytes) -> None:
    IngestReceipt.objects.create(
        source=source,
        webhook_id="msg-copy",
        body_hash=digest_bytes(body),
        answer={"results": []},
        received_at=timezone.now(),
    )
    connection.close()


def test_new_call_is_decided_without_a_look_at_stored_ones(
    source: CallSource, counter: Counter
) -> None:
    """A scan of calls, also one that finds nothing to do, is started for every month."""
    plans: list[Node] = []
    post_calls(factories.v3_record(), source=source)

    def explain(execute: Any, sql: str, *context: Any) -> Any:
        if found := re.search(r"EXECUTE insert_call.*(?=; EXECUTE save_receipt)", sql):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {found[0]}")
                plans.append(cursor.fetchone()[0][0]["Plan"])
        return execute(sql, *context)

    with connection.execute_wrapper(explain):
        post_calls(factories.v3_record(), source=source)

    (plan,) = plans
    relations = [(one["Node Type"], one.get("Relation Name", "")) for one in nodes_of(plan)]
    of_calls = [kind for kind, relation in relations if relation.startswith("calls_call")]
    assert of_calls == ["ModifyTable"]
    assert plan["Conflict Resolution"] == "NOTHING"


def test_known_calls_are_locked_by_a_statement_of_their_own(
    source: CallSource, counter: Counter
) -> None:
    """It reads rows of every month, so a request without any does not execute it."""
    known, new = factories.v3_record(), factories.v3_record()
    stored([known], source)
    # Prepares what each of them needs.
    post_calls({"calls": [known, factories.v3_record()]}, source=source)

    with CaptureQueriesContext(connection) as of_new:
        post_calls(new, source=source)
    with CaptureQueriesContext(connection) as of_both:
        answer = post_calls({"calls": [known, factories.v3_record()]}, source=source)

    assert [
        sum("EXECUTE lock_known" in one["sql"] for one in all) for all in (of_new, of_both)
    ] == [0, 1]
    assert [one["status"] for one in answer.json()["results"]] == ["duplicate", "created"]
    assert Call.objects.count() == CallKey.objects.count() == 4


def test_known_call_does_not_change_between_finding_and_locking_it(
    source: CallSource, counter: Counter
) -> None:
    """The two are statements of their own: another request with the id waits before the first."""
    item = factories.v3_record(tags=["1"])
    stored([item], source)
    post_calls(item | {"tags": ["2"]}, source=source)  # prepares it
    pool = ThreadPoolExecutor(1)
    later: list[Future[str]] = []

    def another() -> str:
        answer = post_calls(item | {"tags": ["4"]}, source=source)
        connection.close()
        return str(answer.json()["results"][0]["status"])

    def come_between(execute: Any, sql: str, *context: Any) -> Any:
        if "EXECUTE lock_known" in sql and not later:
            later.append(pool.submit(another))
            with ThreadPoolExecutor(1) as waiting:
                waiting.submit(_wait_for_lock).result()
        return execute(sql, *context)

    with pool, connection.execute_wrapper(come_between):
        answer = post_calls(item | {"tags": ["3"]}, source=source)

    assert answer.json()["results"][0]["status"] == later[0].result() == "updated"
    call = Call.objects.get()
    assert (call.tags, call.revision) == (["4"], 4)
    assert Delivery.objects.count() == 1


def _wait_for_lock() -> None:
    wait_for_lock()
    connection.close()
