"""Stores a counter's goals as last seen in Metrika: the JavaScript goals, which are the choices of
«Достижение цели», and the goals that Metrika made by itself for calls.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction
from django.db.models import Q, QuerySet
from redis.exceptions import RedisError

from counters import stops
from counters.metrika_goal import TARGET_SEPARATOR
from counters.models import Counter, Goal
from counters.signals import counter_changed
from counters.states import StopCause
from integrations.api_call import call_metrika
from integrations.yandex.records import GoalInfo

logger = logging.getLogger(__name__)

#: Only a JavaScript goal can be reached by an uploaded row
#: (https://yandex.com/dev/metrika/en/management/offline-conv).
JAVASCRIPT = "action"
#: `goal_source` of goals that Metrika made by itself.
AUTOMATIC = "auto"
#: The documented types, none of which is a call goal: a goal of type `phone` is a click on a number
#: (https://yandex.com/dev/metrika/en/management/openapi/goal/addGoal, and older and newer kinds).
OTHER_TYPES = frozenset(
    (
        *("url", "number", "step", "action", "phone", "email", "payment_system", "messenger"),
        *("file", "search", "social", "visit_duration", "form", "button", "chat"),
    )
)
OF_CALLS = re.compile(r"call|звон", re.IGNORECASE)
#: Goals older than this are fetched when the settings window is opened.
FRESH = timedelta(minutes=10)
#: The settings window fetches goals at most this often: it must open while Metrika is down.
FETCH_SPACING_SECONDS = 300


def refresh_goals(counter: Counter, *, now: datetime, actor: User | None = None) -> None:
    """Fetch the counter's goals and store them. Raises MetrikaUnavailable.

    A goal that Metrika no longer lists keeps its row with ``deleted_at``, so that the settings
    window can show it as deleted. A counter that was stopped because its goals were full goes on
    when there is room; ``actor`` is the person who asked. Makes a request: never call inside a
    transaction.
    """
    infos = call_metrika(counter.account, lambda client: client.goals(counter.number))
    with transaction.atomic():
        locked = Counter.objects.select_for_update().get(pk=counter.pk)
        chosen_before = _chosen(locked)
        _store(locked, [info for info in infos if is_usable(info) or is_call_goal(info)], now)
        Counter.objects.filter(pk=locked.pk).update(goals_refreshed_at=now, goals_total=len(infos))
        _resume_with_room(locked, infos, actor, now)
        # Only the chosen goals take part in decisions.
        if _chosen(locked) != chosen_before:
            Counter.objects.filter(pk=locked.pk).update(routing_changed_at=now)
            counter_changed.send(sender=Counter, counter=locked)


def is_usable(info: GoalInfo) -> bool:
    """Whether an uploaded row can reach the goal: only by the identifier of a JavaScript event."""
    identifier = info.identifier or ""
    return info.type == JAVASCRIPT and identifier != "" and TARGET_SEPARATOR not in identifier


def is_call_goal(info: GoalInfo) -> bool:
    """Whether Metrika made the goal by itself for uploaded calls; a counter may have several.

    The vendor documents neither its type nor its name. So an automatic goal counts whose type is
    none of the documented ones, and whose type or name tells of calls.
    """
    if info.source != AUTOMATIC or info.type in OTHER_TYPES:
        return False
    return bool(OF_CALLS.search(f"{info.type} {info.name}"))


def call_goals(counter: Counter) -> QuerySet[Goal]:
    """Return the counter's goals that Metrika made for calls, as last seen."""
    # Stored goals have an identifier unless they are call goals.
    return counter.goals.filter(source=AUTOMATIC, identifier="", deleted_at=None).order_by(
        "goal_id"
    )


def refresh_stale_goals(counter: Counter, *, now: datetime) -> None:
    """Fetch goals older than FRESH, once per FETCH_SPACING_SECONDS. Raises MetrikaUnavailable."""
    fetched_at = counter.goals_refreshed_at
    if (fetched_at is None or fetched_at <= now - FRESH) and not _fetched_lately(counter):
        refresh_goals(counter, now=now)


def choosable_goals(counter: Counter) -> QuerySet[Goal]:
    """Return the goals that may be chosen, and the chosen ones even if they are deleted."""
    is_usable = Q(deleted_at=None) & ~Q(identifier="")
    usable = counter.goals.filter(is_usable | Q(pk__in=_chosen_ids(counter)))
    return usable.order_by("name", "goal_id")


def _resume_with_room(
    counter: Counter, infos: Sequence[GoalInfo], actor: User | None, now: datetime
) -> None:
    """Let a counter go on that had no room for goals. ``counter`` is as before this reading.

    For a person a number below the usual limit is enough to try; by itself the counter goes on
    only when a goal was deleted since the last reading, whatever its limit is.
    """
    if counter.stopped_cause != StopCause.GOALS_FULL:
        return
    total, before = len(infos), counter.goals_total
    has_room = before is not None and total < before
    is_worth_a_try = actor is not None and total < settings.METRIKA_GOAL_LIMIT
    if has_room or is_worth_a_try or any(map(is_call_goal, infos)):
        stops.resume(counter, actor=actor, now=now)


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


def _chosen(counter: Counter) -> dict[int, tuple[str, bool]]:
    """Return what decisions read of the chosen goals."""
    goals = counter.goals.filter(pk__in=_chosen_ids(counter))
    return {goal.pk: (goal.identifier, goal.deleted_at is None) for goal in goals}


def _chosen_ids(counter: Counter) -> list[int]:
    return [pk for pk in (counter.goal_id, counter.callback_goal_id) if pk is not None]
