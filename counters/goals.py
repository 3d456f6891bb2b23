"""Keeps a counter's JavaScript goals as last seen in Metrika: what «Достижение цели» offers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from counters.asking import ask
from counters.models import Counter, Goal
from counters.signals import counter_changed
from integrations.yandex.records import GoalInfo

#: Only a JavaScript event can be reached by an uploaded row
#: (https://yandex.com/dev/metrika/en/management/offline-conv).
JAVASCRIPT = "action"


def refresh_goals(counter: Counter, *, now: datetime) -> None:
    """Fetch the counter's goals and store them. Raises asking.NotAnswered.

    A goal that is gone keeps its row, marked, so that a setting that names it can say so. Makes a
    request: never call inside a transaction.
    """
    infos = ask(counter.account, lambda client: client.goals(counter.number))
    usable = [info for info in infos if info.type == JAVASCRIPT and info.identifier]
    with transaction.atomic():
        locked = Counter.objects.select_for_update().get(pk=counter.pk)
        chosen_before = _chosen(locked)
        _store(locked, usable, now)
        Counter.objects.filter(pk=locked.pk).update(goals_refreshed_at=now)
        # Only the chosen goal takes part in decisions.
        if _chosen(locked) != chosen_before:
            counter_changed.send(sender=Counter, counter=locked)


def choosable_goals(counter: Counter) -> list[Goal]:
    """Return the goals that may be chosen, and the chosen one even when it is gone."""
    return [
        goal
        for goal in counter.goals.order_by("name", "goal_id")
        if goal.pk == counter.goal_id or (goal.identifier and goal.deleted_at is None)
    ]


def _store(counter: Counter, infos: Iterable[GoalInfo], now: datetime) -> None:
    seen = list({info.goal_id: info for info in infos}.values())
    rows = [
        Goal(
            counter=counter,
            goal_id=info.goal_id,
            name=info.name[:255],
            type=info.type[:32],
            source=info.source[:16],
            identifier=(info.identifier or "")[:255],
        )
        for info in seen
    ]
    Goal.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["counter", "goal_id"],
        update_fields=["name", "type", "source", "identifier", "deleted_at"],
    )
    gone = counter.goals.exclude(goal_id__in=[info.goal_id for info in seen])
    gone.filter(deleted_at__isnull=True).update(deleted_at=now)


def _chosen(counter: Counter) -> tuple[str, bool] | None:
    """Return what decisions read of the chosen goal."""
    goal = counter.goals.filter(pk=counter.goal_id or 0).first()
    return (goal.identifier, goal.deleted_at is None) if goal else None
