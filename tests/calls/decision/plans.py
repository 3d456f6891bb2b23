"""The plan of the statement that decides calls, taken while it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.db import connection
from django.utils import timezone

from calls.decision.decide import decide

Node = dict[str, Any]


def plan_of_decision(call_id: int, *options: str) -> Node:
    """Decide the call; return the plan of the statement by EXPLAIN with these options."""
    return plan_of(lambda: decide([call_id], now=timezone.now()), *options)


def plan_of(run: Callable[[], object], *options: str) -> Node:
    """Run what decides once; return the plan of the deciding statement by EXPLAIN."""
    plans: list[Node] = []
    with connection.execute_wrapper(partial(_keep_plan, plans, ", ".join(options))):
        run()
    (plan,) = plans
    return plan


def nodes_of(node: Node) -> Iterator[Node]:
    """Yield the node and all below it."""
    yield node
    for below in node.get("Plans", []):
        yield from nodes_of(below)


def _keep_plan(
    plans: list[Node], options: str, execute: Any, sql: str, params: Any, many: bool, context: Any
) -> Any:
    found = re.fullmatch(
        r"(?s)(SET .*?; )(EXECUTE decide_.*?\))(; SET .*|; (EXECUTE missed_.*))", sql
    )
    if found is None:
        return execute(sql, params, many, context)
    answer = execute(
        f"{found[1]}EXPLAIN ({options}, FORMAT JSON) {found[2]}", params, many, context
    )
    plans.append(context["cursor"].fetchone()[0][0]["Plan"])
    return execute(found[1] + found[4], params, many, context) if found[4] else answer
