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
#: More is the fault of some gateway, not a clock.
BELIEVABLE = timedelta(days=1)


def ahead() -> timedelta:
    """Return by how much Metrika's clock is ahead of ours; negative when it is behind."""
    seconds = MetrikaClock.objects.values_list("ahead_seconds", flat=True).first()
    return timedelta(seconds=seconds or 0)


def hear(server_time: datetime) -> None:
    """Take note of the time that an answer carried; what it says of a file is more important."""
    now = timezone.now()
    heard = server_time - now
    if abs(heard) > BELIEVABLE:
        return
    try:
        known = ahead()
        if abs(heard - known) >= NOTEWORTHY:
            _store(heard if abs(heard) >= NOTEWORTHY else timedelta(0), now)
    except DatabaseError as problem:
        logger.warning("the difference of the clocks is not noted: %s", problem)


def _store(difference: timedelta, now: datetime) -> None:
    seconds = round(difference.total_seconds())
    MetrikaClock.objects.update_or_create(
        pk=MetrikaClock.ONLY, defaults={"ahead_seconds": seconds, "changed_at": now}
    )
    logger.warning("Metrika's clock is %s s ahead of ours", seconds)
