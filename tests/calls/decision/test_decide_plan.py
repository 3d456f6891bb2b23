"""The query plan of the statement that decides."""

from __future__ import annotations

from typing import Any

from cabinets.models import Cabinet
from counters.models import Counter
from tests.calls.decision.plans import nodes_of, plan_of_decision
from tests.calls.stored import store_call

JOINS = ("Nested Loop", "Hash Join", "Merge Join")


def test_rules_are_evaluated_after_the_calls_are_selected(
    cabinet: Cabinet, counter: Counter
) -> None:
    """Below the join with the calls of a request, they would run for every stored call."""
    call = store_call(cabinet=cabinet)

    plan = plan_of_decision(call.pk, "VERBOSE")

    joins = [node for node in nodes_of(plan) if node["Node Type"] in JOINS]
    below = [one for join in joins for part in join["Plans"] for one in nodes_of(part)]
    assert any(_evaluates_rules(node) for node in nodes_of(plan))
    assert [node["Node Type"] for node in below if _evaluates_rules(node)] == []


def _evaluates_rules(node: dict[str, Any]) -> bool:
    return "not_last_attempt" in str(node.get("Output"))
