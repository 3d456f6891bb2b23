"""Conditions of counters: the right lost, stopped by a refusal of Metrika, their goal deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from counters.models import Counter
from counters.states import Access
from notices.conditions.found import Found
from notices.kinds import Kind

_FIELDS = (
    *("pk", "cabinet_id", "name", "access", "stopped_cause"),
    *("goal__deleted_at", "goal__name", "callback_goal__deleted_at", "callback_goal__name"),
)


def counter_causes(now: datetime) -> Iterator[Found]:
    """Yield what stops the counters in use, or one of their channels."""
    in_use = Counter.objects.present().filter(enabled=True).held_up()
    for one in in_use.select_related("goal", "callback_goal").only(*_FIELDS):
        yield from _causes(one)


def _causes(counter: Counter) -> Iterator[Found]:
    facts = {"counter": counter.pk, "name": counter.name}
    about = f"counter:{counter.pk}"
    if counter.access != Access.OK:
        yield Found(counter.cabinet_id, Kind.RIGHT_LOST, about, facts | {"access": counter.access})
    elif counter.stopped_cause:
        cause = {"cause": counter.stopped_cause}
        yield Found(counter.cabinet_id, Kind.COUNTER_STOPPED, about, facts | cause)
    lost = _lost_goal(counter)
    if lost:
        yield Found(counter.cabinet_id, Kind.GOAL_GONE, about, facts | lost)


def _lost_goal(counter: Counter) -> dict[str, Any]:
    """Return the facts of a chosen goal that is deleted; without any, nothing."""
    goal, of_callbacks = counter.goal, counter.callback_goal
    if goal is not None and goal.deleted_at is not None:
        return {"goal": goal.name}
    if goal is not None and of_callbacks is not None and of_callbacks.deleted_at is not None:
        return {"goal": of_callbacks.name, "of_callbacks": True}
    return {}
