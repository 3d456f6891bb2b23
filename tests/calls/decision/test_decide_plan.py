"""The query plan of the statement that decides."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db import connection
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.decide import decide
from counters.models import Counter
from tests.calls.stored import store_call

JOINS = ("Nested Loop", "Hash Join", "Merge Join")


def test_rules_are_evaluated_after_the_calls_are_selected(
    cabinet: Cabinet, counter: Counter
) -> None:
    """Below the join with the calls of a request, they would run for every stored call."""
    call = store_call(cabinet=cabinet)
    plans: list[dict[str, Any]] = []

    with connection.execute_wrapper(partial(_keep_plan, plans)):
        decide([call.pk], now=timezone.now())

    (plan,) = plans
    joins = [node for node in _nodes(plan) if node["Node Type"] in JOINS]
    below = [one for join in joins for part in join["Plans"] for one in _nodes(part)]
    assert any(_evaluates_rules(node) for node in _nodes(plan))
    assert [node["Node Type"] for node in below if _evaluates_rules(node)] == []


def _keep_plan(
    plans: list[dict[str, Any]], execute: Any, sql: str, params: Any, many: bool, context: Any
) -> Any:
    if "INSERT INTO calls_delivery" not in sql:
        return execute(sql, params, many, context)
    answer = execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {sql}", params, many, context)
    plans.append(context["cursor"].fetchone()[0][0]["Plan"])
    return answer


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", []):
        yield from _nodes(below)


def _evaluates_rules(node: dict[str, Any]) -> bool:
    return "not_last_attempt" in str(node.get("Output"))
