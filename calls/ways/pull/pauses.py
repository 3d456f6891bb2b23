"""How long to wait before CallKeeper is asked again."""

from __future__ import annotations

import random
from datetime import timedelta

from django.conf import settings

from calls.callkeeper.errors import CallKeeperError, TooManyRequests

BACKOFF_MINUTES = (1, 2, 5, 15, 60)
#: Added at random, so that sources that failed together do not come back together.
JITTER = 0.25
LONGEST = timedelta(days=1)


def after_success() -> timedelta:
    """Return the time to the next regular pull."""
    return _jittered(timedelta(minutes=settings.PULL_MINUTES), 0.1)


def after_failure(failures: int, error: CallKeeperError | None = None) -> timedelta:
    """Return the wait after so many failures in a row; never shorter than what a 429 asks for."""
    minutes = BACKOFF_MINUTES[min(failures, len(BACKOFF_MINUTES)) - 1]
    wait = _jittered(timedelta(minutes=minutes), JITTER)
    if isinstance(error, TooManyRequests) and error.retry_after is not None:
        wait = max(timedelta(seconds=error.retry_after), timedelta(minutes=BACKOFF_MINUTES[0]))
    return min(wait, LONGEST)


def _jittered(wait: timedelta, share: float) -> timedelta:
    return wait * (1 + share * random.random())
