"""Which period to read next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from calls.models import PullSource

#: The longest step forward: most of such windows are one page, on which nothing moves.
STEP = timedelta(days=1)
#: The last step may be so much longer, rather than be followed by a short one.
LAST_STEP = timedelta(hours=1)
REREAD_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class Window:
    """A period; ``is_reread``: it includes the days in which tags and statuses change late."""

    since: datetime
    until: datetime
    is_reread: bool


def next_window(pull: PullSource, now: datetime) -> Window:
    """Return the period after the watermark, from the overlap before it.

    A watermark in the future was made by a clock that was ahead: it counts as now.
    """
    reached = min(pull.pulled_until, now)
    until = now if now - reached <= STEP + LAST_STEP else reached + STEP
    since = reached - timedelta(hours=settings.PULL_OVERLAP_HOURS)
    is_reread = until == now and _is_reread_due(pull, now)
    if is_reread:
        since = min(since, now - timedelta(hours=settings.PULL_RECENT_HOURS))
    return Window(min(max(since, pull.pull_from), until), until, is_reread)


def _is_reread_due(pull: PullSource, now: datetime) -> bool:
    return pull.reread_at is None or now - pull.reread_at >= REREAD_EVERY
