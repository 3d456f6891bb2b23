"""Stores a counter's JavaScript goals as last seen in Metrika, the choices of «Достижение цели»."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import transaction
from django.db.models import Q, QuerySet
from redis.exceptions import RedisError

from counters.models import Counter, Goal
from counters.signals import counter_changed
from integrations.api_call import call_metrika
from integrations.yandex.records import GoalInfo

logger = logging.getLogger(__name__)

#: Only a JavaScript goal can be reached by an uploaded row
#: (https://yandex.com/dev/metrika/en/management/offline-conv).
JAVASCRIPT = "action"
#: Goals older than this are fetched when the settings window is opened.
FRESH = timedelta(minutes=10)
#: The settings window fetches goals at most this often: it must open while Metrika is down.
FETCH_SPACING_SECONDS = 300


def refresh_goals(counter: Counter, *, now: datetime) -> None:
    """Fetch the counter's goals and store them. Raises MetrikaUnavailable.

    A goal that Metrika no longer lists keeps its row with ``deleted_at``, so that the settings
    window can show it as deleted. Makes a request: never call inside a transaction.
    """
    infos = call_metrika(counter.account, lambda client: client.goals(counter.number))
    usable = [info for info in infos if info.type == JAVASCRIPT and info.identifier]
    with transaction.atomic():
        locked = Counter.objects.select_for_update().get(pk=counter.pk)
        chosen_before = _chosen(locked)
        _store(locked, usable, now)
        Counter.objects.filter(pk=locked.pk).update(goals_refreshed_at=now)
        # Only the chosen goal takes part in decisions.
        if _chosen(locked) != chosen_before:
            counter_changed.send(sender=Counter, counter=locked)


def refresh_stale_goals(counter: Counter, *, now: datetime) -> None:
    """Fetch goals older than FRESH, once per FETCH_SPACING_SECONDS. Raises MetrikaUnavailable."""
    fetched_at = counter.goals_refreshed_at
    if (fetched_at is None or fetched_at <= now - FRESH) and not _fetched_lately(counter):
        refresh_goals(counter, now=now)


def choosable_goals(counter: Counter) -> QuerySet[Goal]:
    """Return the goals that may be chosen, and the chosen one even if it is deleted."""
    is_usable = Q(deleted_at=None) & ~Q(identifier="")
    usable = counter.goals.filter(is_usable | Q(pk=counter.goal_id or 0))
    return usable.order_by("name", "goal_id")


def _fetched_lately(counter: Counter) -> bool:
    """Whether goals were fetched lately, and note that they are now. Without the cache: False."""
    try:
        return not cache.add(f"goals-asked:{counter.pk}", True, FETCH_SPACING_SECONDS)
    except RedisError as problem:
        logger.warning("fetching of goals is not spaced: %s", type(problem).__name__)
        return False


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
