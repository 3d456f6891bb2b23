"""How far Metrika's clock is ahead of ours, by the `Date` header of its answers.

Quotas are counted by Metrika's day. One row for all processes, written when the difference changes.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.utils import timezone

from integrations.models import MetrikaClock

logger = logging.getLogger(__name__)

#: A smaller difference is network latency and the whole seconds of the header.
MIN_DIFFERENCE = timedelta(seconds=30)
#: So many answers in a row have to agree on a new difference: one gateway may be wrong.
CONFIRMATIONS = 3
#: A larger difference comes from a faulty gateway, not from a clock.
MAX_DIFFERENCE = timedelta(days=1)


def ahead() -> timedelta:
    """Return by how much Metrika's clock is ahead of ours; negative when it is behind."""
    seconds = MetrikaClock.objects.values_list("ahead_seconds", flat=True).first()
    return timedelta(seconds=seconds or 0)


def record_server_time(server_time: datetime) -> None:
    """Record the time that an answer carried.

    A database error is only logged: it must not fail the request whose answer was received.
    """
    now = timezone.now()
    difference = server_time - now
    if abs(difference) > MAX_DIFFERENCE:
        return
    try:
        _update(round(difference.total_seconds()), now)
    except DatabaseError as error:
        logger.warning("the difference of the clocks is not recorded: %s", error)


def _update(seconds: int, now: datetime) -> None:
    """Count an answer for its difference; adopt the difference after CONFIRMATIONS in a row."""
    clock = MetrikaClock.objects.first() or MetrikaClock(pk=MetrikaClock.ONLY, changed_at=now)
    if _agree(seconds, clock.ahead_seconds):
        if clock.heard_times:
            MetrikaClock.objects.update(heard_times=0)
        return
    is_repeated = clock.heard_times > 0 and _agree(seconds, clock.heard_seconds)
    clock.heard_times = clock.heard_times + 1 if is_repeated else 1
    clock.heard_seconds = seconds
    if clock.heard_times >= CONFIRMATIONS:
        clock.ahead_seconds = 0 if _agree(seconds, 0) else seconds
        clock.changed_at, clock.heard_times = now, 0
        logger.warning("Metrika's clock is %s s ahead of ours", clock.ahead_seconds)
    clock.save()


def _agree(one: int, other: int) -> bool:
    return abs(one - other) < MIN_DIFFERENCE.total_seconds()
