"""When a spent quota of Yandex is reset. Pure functions: no database, no clock.

https://yandex.com/dev/metrika/en/intro/quotas. Older pages of the vendor name other status codes
and another hour, so the type of the error decides, and both hours are tried.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import Enum, auto

from integrations.yandex.errors import QuotaExceeded

Jitter = Callable[[], float]

#: Spreads the logins that wait for the same hour.
JITTER = timedelta(minutes=10)
#: A longer Retry-After is cut to this.
MAX_RETRY_AFTER = timedelta(hours=1)
#: Still spent right after 00:00 GMT: the day may begin late.
LATE_RESET = timedelta(minutes=30)
#: Still spent after that: as older pages say, the day begins at midnight in Moscow.
MOSCOW_MIDNIGHT_HOUR = 21
#: A quota that is spent so soon after 00:00 GMT counts as not reset.
NOT_RESET = timedelta(minutes=90)


class QuotaScope(Enum):
    """Which requests a spent quota stops."""

    LOGIN = auto()
    #: One counter; the others of the login go on.
    COUNTER = auto()
    #: All of them share one IP address.
    ALL_LOGINS = auto()


def quota_scope(error: QuotaExceeded) -> QuotaScope:
    """Return what the spent quota is counted for."""
    by_quota = {"counter": QuotaScope.COUNTER, "ip": QuotaScope.ALL_LOGINS}
    return by_quota.get(error.quota, QuotaScope.LOGIN)


def quota_ends(
    error: QuotaExceeded,
    *,
    now: datetime,
    ahead: timedelta = timedelta(0),
    jitter: Jitter = random.random,
) -> datetime:
    """Return until when to make no requests within the quota's scope.

    ``ahead`` is how far Metrika's clock is ahead of ours: the quota follows Metrika's day.
    """
    if error.quota in {"day", "counter"}:
        return _day_reset(now + ahead) - ahead + JITTER * jitter()
    seconds = {"parallel": 1 + 4 * jitter(), "ip": 1 + 29 * jitter()}
    usual = timedelta(seconds=seconds.get(error.quota, 60 + 60 * jitter()))
    return now + max(capped_retry_after(error.retry_after), usual)


def capped_retry_after(retry_after: float | None) -> timedelta:
    """Return the pause named by Retry-After, at most MAX_RETRY_AFTER: a gateway may name any."""
    return min(timedelta(seconds=max(retry_after or 0, 0)), MAX_RETRY_AFTER)


def day_of(moment: datetime) -> date:
    """Return the day (GMT) on which Yandex counts a request made at the moment."""
    return moment.astimezone(UTC).date()


def next_midnight(moment: datetime) -> datetime:
    """Return the next 00:00 GMT, when Yandex begins to count a new day."""
    return _midnight(moment) + timedelta(days=1)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(day_of(moment), datetime.min.time(), tzinfo=UTC)


def _day_reset(moment: datetime) -> datetime:
    since_midnight = moment - _midnight(moment)
    if since_midnight < LATE_RESET:
        return moment + LATE_RESET
    if since_midnight < NOT_RESET:
        return _midnight(moment) + timedelta(hours=MOSCOW_MIDNIGHT_HOUR)
    return next_midnight(moment)
