"""How far Metrika's clock is from ours, by the `Date` of its answers: its day counts for quotas.

One row for all processes, written only when the difference changes.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.utils import timezone

from integrations.models import MetrikaClock

logger = logging.getLogger(__name__)

#: Less is the way of the answer, and the whole seconds of the header.
NOTEWORTHY = timedelta(seconds=30)
TIMES_TO_BELIEVE = 3
#: More is the fault of some gateway, not a clock.
BELIEVABLE = timedelta(days=1)


def ahead() -> timedelta:
    """Return by how much Metrika's clock is ahead of ours; negative when it is behind."""
    seconds = MetrikaClock.objects.values_list("ahead_seconds", flat=True).first()
    return timedelta(seconds=seconds or 0)


def record_server_time(server_time: datetime) -> None:
    """Take note of the time that an answer carried; what it says of a file is more important."""
    now = timezone.now()
    heard = server_time - now
    if abs(heard) > BELIEVABLE:
        return
    try:
        _consider(round(heard.total_seconds()), now)
    except DatabaseError as problem:
        logger.warning("the difference of the clocks is not noted: %s", problem)


def _consider(seconds: int, now: datetime) -> None:
    """Believe a new difference once so many answers in a row agree: one gateway may be wrong."""
    clock = MetrikaClock.objects.first() or MetrikaClock(pk=MetrikaClock.ONLY, changed_at=now)
    if _agree(seconds, clock.ahead_seconds):
        if clock.heard_times:
            MetrikaClock.objects.update(heard_times=0)
        return
    goes_on = clock.heard_times > 0 and _agree(seconds, clock.heard_seconds)
    clock.heard_times = clock.heard_times + 1 if goes_on else 1
    clock.heard_seconds = seconds
    if clock.heard_times >= TIMES_TO_BELIEVE:
        clock.ahead_seconds = 0 if _agree(seconds, 0) else seconds
        clock.changed_at, clock.heard_times = now, 0
        logger.warning("Metrika's clock is %s s ahead of ours", clock.ahead_seconds)
    clock.save()


def _agree(one: int, other: int) -> bool:
    return abs(one - other) < NOTEWORTHY.total_seconds()
