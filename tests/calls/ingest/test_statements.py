"""The statements of one request: how many, planned how often, and what they read."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis import Redis

from cabinets.models import CallSource
from calls.decision.decide import STATEMENTS
from calls.ingest.source_lookup import FIELDS, LOOKUP, find_source
from calls.models import Call, CallKey, Delivery, IngestReceipt
from calls.states import DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.decision.plans import nodes_of, plan_of
from tests.calls.ingest.storing import store
from tests.calls.posting import post_calls
from tests.rate_limits import enforce_rate_limits

pytestmark = pytest.mark.django_db
NAMES = [one.name for one in STATEMENTS]


def executions() -> dict[str, tuple[int, int]]:
    """Return, by name, how often this session executed a deciding statement.

    The first number is that of executions of the kept plan, the second of those planned anew.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, generic_plans, custom_plans FROM pg_prepared_statements"
            " WHERE name = ANY (%s)",
            [NAMES],
        )
        return {name: (generic, custom) for name, generic, custom in cursor.fetchall()}


def sql_of(captured: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in captured]


@pytest.fixture(autouse=True)
def nothing_prepared() -> None:
    """Start without prepared statements: tests share the session."""
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")


@pytest.mark.django_db(transaction=True)
def test_signed_call_takes_five_round_trips_and_one_to_redis(
    source: CallSource, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce_rate_limits(monkeypatch)
    post_calls(factories.v3_record(), source=source)
    asked: list[Any] = []
    evaluate = Redis.eval

    def counting(client: Any, script: str, count: int, *words: Any) -> Any:
        asked.append(words[:count])
        return evaluate(client, script, count, *words)

    monkeypatch.setattr(Redis, "eval", counting)

    with CaptureQueriesContext(connection) as captured:
        post_calls(factories.v3_record(), source=source)

    expected = (
        *("EXECUTE find_source", "BEGIN", "EXECUTE find_calls"),
        *("EXECUTE insert_call", "COMMIT"),
    )
    assert len(captured) == len(expected)
    for sql, words in zip(sql_of(captured), expected, strict=True):
        assert words in sql
    executed = re.findall(r"EXECUTE ([a-z_]+)_[0-9a-f]{16} ", "".join(sql_of(captured)))
    assert executed == [
        *("find_source", "take_locks", "find_calls"),
        *("insert_call", "save_receipt"),
    ]
    assert asked == [(f"rate:ingest-bytes:{source.pk}", f"rate:ingest:{source.pk}")]


@pytest.mark.django_db(transaction=True)
def test_attempt_of_an_order_plans_nothing(source: CallSource, counter: Counter) -> None:
    first, second, third = (
        factories.v3_record(
            serviceType="callback", cbCallId=one, cbAttempt=one, cbAttemptsQueue=[1, 2, 3]
        )
        for one in (1, 2, 3)
    )
    post_calls(first, source=source)
    post_calls(second, source=source)

    with CaptureQueriesContext(connection) as captured:
        post_calls(third, source=source)

    expected = (
        "EXECUTE find_source",
        *("BEGIN", "EXECUTE find_calls", "COPY calls_call ", "EXECUTE find_attempts"),
        *("; EXECUTE missed_a_save", "EXECUTE save_receipt", "COMMIT"),
    )
    assert len(captured) == len(expected)
    for sql, words in zip(sql_of(captured), expected, strict=True):
        assert words in sql
    assert "EXECUTE decide_known" in sql_of(captured)[5]


@pytest.mark.django_db(transaction=True)
def test_repeated_request_takes_one_statement(source: CallSource, counter: Counter) -> None:
    item = factories.v3_record()
    first = post_calls(item, source=source, webhook_id="msg-again")

    with CaptureQueriesContext(connection) as captured:
        again = post_calls(item, source=source, webhook_id="msg-again")

    assert "EXECUTE find_source" in "".join(sql_of(captured))
    assert len(captured) == 1
    assert again.json() == first.json() | {"duplicate": True}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lose", ["DEALLOCATE ALL", "DISCARD ALL"])
def test_session_without_the_lookup_is_given_it_in_a_transaction(
    source: CallSource, counter: Counter, lose: str
) -> None:
    """Behind a pooler the next round trip may go to another session."""
    post_calls(factories.v3_record(), source=source)
    with connection.cursor() as cursor:
        cursor.execute(lose)

    with CaptureQueriesContext(connection) as captured:
        answer = post_calls(factories.v3_record(), source=source)

    assert answer.status_code == 202
    begun, asked, prepared, executed, committed = sql_of(captured)[1:6]
    assert (begun, committed) == ("BEGIN", "COMMIT")
    assert "pg_prepared_statements" in asked
    assert prepared.startswith("PREPARE find_source")
    assert "EXECUTE find_source" in executed


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("label", ["take_locks", "find_calls", "insert_call", "save_receipt"])
def test_request_of_a_session_that_lacks_a_statement_is_rolled_back_and_repeated(
    source: CallSource, counter: Counter, label: str
) -> None:
    post_calls(factories.v3_record(), source=source)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements WHERE name LIKE %s", [f"{label}%"])
        [(name,)] = cursor.fetchall()
        cursor.execute(f"DEALLOCATE {name}")

    with CaptureQueriesContext(connection) as captured:
        answer = post_calls(factories.v3_record(), source=source)

    assert (answer.status_code, answer.json()["results"][0]["status"]) == (202, "created")
    commands = [sql for sql in sql_of(captured) if sql in ("BEGIN", "COMMIT", "ROLLBACK")]
    assert commands == ["BEGIN", "ROLLBACK", "BEGIN", "COMMIT"]
    assert sum(sql.startswith("PREPARE ") for sql in sql_of(captured)) == 1
    assert Call.objects.count() == CallKey.objects.count() == IngestReceipt.objects.count() == 2
    assert Delivery.objects.filter(state=DeliveryState.WAITING).count() == 2


@pytest.mark.django_db(transaction=True)
def test_lost_connection_is_replaced_by_the_lookup(source: CallSource, counter: Counter) -> None:
    connection.ensure_connection()
    lost = connection.connection
    lost.close()

    assert post_calls(factories.v3_record(), source=source).status_code == 202

    assert connection.connection is not lost
    assert Call.objects.count() == 1


def test_lookup_has_the_values_that_the_request_needs(source: CallSource) -> None:
    found = find_source(source.public_id, "msg-new")

    assert found is not None
    stored = CallSource.objects.get(pk=source.pk)
    assert {name: vars(found.source)[name] for name in FIELDS} == {
        name: getattr(stored, name) for name in FIELDS
    }
    assert found.source.get_deferred_fields().isdisjoint(FIELDS)
    assert found.stored is None


def test_known_unchanged_call_is_not_decided(source: CallSource, counter: Counter) -> None:
    item = factories.v3_record()
    store(source, item)

    with CaptureQueriesContext(connection) as captured:
        store(source, item)

    expected = (
        *("pg_prepared_statements", "EXECUTE take_locks", "PREPARE lock_known"),
        *("EXECUTE lock_known", 'INTO "calls_intake"'),
    )
    for sql, words in zip(sql_of(captured), expected, strict=True):
        assert words in sql


def test_deciding_statement_is_planned_once_a_session(source: CallSource, counter: Counter) -> None:
    with CaptureQueriesContext(connection) as captured:
        for _number in range(3):
            store(source, factories.v3_record())

    assert sum(sql.startswith("PREPARE ") for sql in sql_of(captured)) == 3
    [(name, (generic, custom))] = executions().items()
    assert (name.startswith("decide_new_"), generic, custom) == (True, 3, 0)
    assert Delivery.objects.filter(state=DeliveryState.WAITING).count() == 3


@pytest.mark.parametrize("lose", ["DEALLOCATE ALL", "DEALLOCATE {name}"])
def test_session_without_the_statement_prepares_it_again(
    source: CallSource, counter: Counter, lose: str
) -> None:
    """As after DISCARD ALL, or in another session behind a pooler."""
    store(source, factories.v3_record())
    [name] = executions()
    with connection.cursor() as cursor:
        cursor.execute(lose.format(name=name))
    assert executions() == {}

    store(source, factories.v3_record())

    assert executions() == {name: (1, 0)}
    assert Delivery.objects.filter(state=DeliveryState.WAITING).count() == 2


def test_session_keeps_its_settings(source: CallSource, counter: Counter) -> None:
    store(source, factories.v3_record())

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('plan_cache_mode'), current_setting('enable_seqscan')"
        )
        assert cursor.fetchone() == ("auto", "on")


def test_only_the_month_of_the_call_is_read(source: CallSource, counter: Counter) -> None:
    plan = plan_of(lambda: store(source, factories.v3_record()), "ANALYZE")

    calls = _scans(plan, "c")
    assert len(calls) == 1
    assert calls[0]["Node Type"] in ("Index Scan", "Bitmap Heap Scan")
    assert calls[0]["Actual Rows"] == 1
    of_calls = [one for one in nodes_of(plan) if one.get("Relation Name", "")[:10] == "calls_call"]
    assert of_calls == calls  # no sub-plan for other attempts or for a former row


def _scans(plan: dict[str, Any], alias: str) -> list[dict[str, Any]]:
    """Return the scans of the partitions that are read under this alias: c_1, c_2 …"""
    return [
        node
        for node in nodes_of(plan)
        if "Relation Name" in node and node["Alias"].partition("_")[0] == alias
    ]


def test_attempt_of_an_earlier_month_is_decided_again(source: CallSource, counter: Counter) -> None:
    now = timezone.now()
    order = {"serviceType": "callback", "cbAttemptsQueue": [11, 12]}
    ids = {"first": 11, "second": 12}
    first = factories.v3_record(
        **order, cbCallId=ids["first"], cbAttempt=1,
        callTime=int((now - timedelta(days=33)).timestamp()),
    )  # fmt: skip
    store(source, first)
    assert Delivery.objects.get(channel=1).reason != "not_last_attempt"

    second = order | {"cbCallId": ids["second"], "cbAttempt": 2}
    store(source, factories.v3_record(**second))

    reasons = Delivery.objects.filter(channel=1).order_by("call_id")
    assert reasons[0].reason == "not_last_attempt"
    executed = {name.rpartition("_")[0] for name in executions()}
    assert executed == {"find_attempts", "decide_known", "missed_a_save"}


def test_corrected_call_reads_its_month_only(source: CallSource, counter: Counter) -> None:
    item = factories.v3_record()
    store(source, item)

    plan = plan_of(lambda: store(source, item | {"tags": ["новый"]}), "ANALYZE")

    for alias in ("c", "w"):
        assert sum(scan["Actual Loops"] for scan in _scans(plan, alias)) == 1


@pytest.mark.django_db(transaction=True)
def test_dropped_connection_prepares_again(source: CallSource, counter: Counter) -> None:
    store(source, factories.v3_record())
    before = executions()
    connection.close()
    assert executions() == {}

    store(source, factories.v3_record())

    assert executions() == before == dict.fromkeys(before, (1, 0))
    assert len(before) == 1
    assert Call.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_pooler_may_choose_a_session_that_has_the_statement(source: CallSource) -> None:
    """After one that had not: preparing it there once more would be an error."""

    def choose_another(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        try:
            return execute(sql, params, many, context)
        except OperationalError:
            with connection.connection.cursor() as cursor:
                cursor.execute(
                    f"PREPARE {LOOKUP.name} ({', '.join(LOOKUP.types.values())}) AS {LOOKUP.as_sql}"
                )
            raise

    with connection.execute_wrapper(choose_another):
        found = find_source(source.public_id, "msg-new")

    assert found is not None
    assert found.source.pk == source.pk
