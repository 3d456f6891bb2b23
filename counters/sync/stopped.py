"""Checks whether the cause of a stop is gone, and lets the counter go on.

A counter without room for goals goes on when it has fewer goals than at the reading before, or when
a goal for calls is there by now. How many goals Metrika allows it, is not known: a contract may
differ. For the other causes there is no cheap question. So once a day a counter goes on as a trial:
its waiting files and the rows that were refused alone are sent again, within the counter's limit of
refusals a day (`calls.delivery.bisection`). If Metrika refuses them again, the counter is stopped
again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models import F, Q
from redis.exceptions import RedisError

from counters import stops
from counters.models import Counter
from counters.sendable import REACHABLE, as_q
from counters.states import StopCause
from counters.sync.goals import refresh_goals
from integrations.api_call import MetrikaUnavailable

logger = logging.getLogger(__name__)

#: Between two checks of a stopped counter by itself; each costs a request at most.
CHECK_INTERVAL = timedelta(hours=1)
#: A person may have one counter checked this often.
MANUAL_SPACING_SECONDS = 10
#: A counter is tried again after this time, whatever the checks say.
TRIAL_AFTER = timedelta(days=1)
#: Keeps one run short; the next run takes the next ones.
CHECKS_PER_RUN = 20


@dataclass(frozen=True)
class CheckResult:
    """Whether the counter goes on, and how many goals it has, as far as known."""

    continues: bool
    goals_total: int | None = None


def check_due(*, now: datetime) -> int:
    """Check the stopped counters that are due, and return how many go on."""
    is_due = Q(stop_checked_at=None) | Q(stop_checked_at__lte=now - CHECK_INTERVAL)
    due = (
        Counter.objects.present()
        .stopped()
        .select_related("account")
        .filter(as_q(REACHABLE), is_due)
        .order_by(F("stop_checked_at").asc(nulls_first=True), "pk")[:CHECKS_PER_RUN]
    )
    return sum(_check_claimed(counter, now) for counter in due)


def check_now(counter: Counter, *, actor: User | None, now: datetime) -> CheckResult:
    """Check at a person's request. Raises MetrikaUnavailable; then nothing changes.

    When no cheap question tells whether the cause is gone, the counter goes on as a trial. Both
    outcomes are in the audit trail.
    """
    if counter.stopped_cause == StopCause.GOALS_FULL:
        refresh_goals(counter, now=now, actor=actor)
    else:
        stops.resume(counter, actor=actor, now=now)
    stops.log_check(counter, actor=actor, now=now)
    current = Counter.objects.get(pk=counter.pk)
    return CheckResult(not current.stopped_cause, current.goals_total)


def is_checked_lately(counter: Counter) -> bool:
    """Whether a person had it checked within MANUAL_SPACING_SECONDS, and note that one does now.

    Without the cache: False.
    """
    try:
        return not cache.add(f"stop-checked:{counter.pk}", True, MANUAL_SPACING_SECONDS)
    except RedisError as problem:
        logger.warning("checks of stopped counters are not spaced: %s", type(problem).__name__)
        return False


def _check_claimed(counter: Counter, now: datetime) -> bool:
    """Claim the check (compare-and-set on `stop_checked_at`) before its request, and make it."""
    unchanged = Counter.objects.stopped().filter(
        pk=counter.pk, stop_checked_at=counter.stop_checked_at
    )
    if not unchanged.update(stop_checked_at=now):
        return False
    if counter.stopped_at is None or counter.stopped_at <= now - TRIAL_AFTER:
        return stops.resume(counter, actor=None, now=now)
    if counter.stopped_cause != StopCause.GOALS_FULL:
        return False
    try:
        refresh_goals(counter, now=now)
    except MetrikaUnavailable as problem:
        logger.info("counter %s: stop not checked: %s", counter.pk, problem)
        return False
    return not Counter.objects.stopped().filter(pk=counter.pk).exists()
