"""When a spent quota of Yandex is back. Pure: no database, no clock of its own.

https://yandex.com/dev/metrika/en/intro/quotas; older pages of the vendor's name other codes and
another hour, so the type of the error decides, and both hours are tried.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import Enum, auto

from integrations.yandex.errors import QuotaExceeded

Jitter = Callable[[], float]

#: Logins that wait for the same hour do not return all at once.
JITTER = timedelta(minutes=10)
#: The longest pause a gateway may talk us into.
ADVICE_CAP = timedelta(hours=1)
#: Still spent right after 00:00 GMT: the day may begin late.
LATE_RESET = timedelta(minutes=30)
#: Still spent after that: as older pages say, the day begins at midnight in Moscow.
MOSCOW_MIDNIGHT_HOUR = 21
#: So long after 00:00 GMT a spent quota is taken for one that was not reset.
NOT_RESET = timedelta(minutes=90)


class Concerned(Enum):
    """Whose requests a spent quota stops."""

    LOGIN = auto()
    #: One counter; the others of the login go on.
    COUNTER = auto()
    #: Every login: all of them leave by one address.
    EVERYBODY = auto()


def concerned(error: QuotaExceeded) -> Concerned:
    """Return whom the quota is about."""
    by_quota = {"counter": Concerned.COUNTER, "ip": Concerned.EVERYBODY}
    return by_quota.get(error.quota, Concerned.LOGIN)


def quota_ends(
    error: QuotaExceeded,
    *,
    now: datetime,
    ahead: timedelta = timedelta(0),
    jitter: Jitter = random.random,
) -> datetime:
    """Return until when those concerned have to wait, by the quota that is spent.

    ``ahead`` is by how much Metrika's clock is ahead of ours: its day counts.
    """
    if error.quota in {"day", "counter"}:
        return _day_is_back(now + ahead) - ahead + JITTER * jitter()
    seconds = {"parallel": 1 + 4 * jitter(), "ip": 1 + 29 * jitter()}
    usual = timedelta(seconds=seconds.get(error.quota, 60 + 60 * jitter()))
    return now + max(advised(error.retry_after), usual)


def advised(retry_after: float | None) -> timedelta:
    """Return the pause the server asks for, within reason: a gateway may say anything."""
    return min(timedelta(seconds=max(retry_after or 0, 0)), ADVICE_CAP)


def day_of(moment: datetime) -> date:
    """Return the day on which Yandex counts a request."""
    return moment.astimezone(UTC).date()


def next_midnight(moment: datetime) -> datetime:
    """Return the moment at which Yandex counts a new day (00:00 GMT)."""
    return _midnight(moment) + timedelta(days=1)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(day_of(moment), datetime.min.time(), tzinfo=UTC)


def _day_is_back(moment: datetime) -> datetime:
    since_midnight = moment - _midnight(moment)
    if since_midnight < LATE_RESET:
        return moment + LATE_RESET
    if since_midnight < NOT_RESET:
        return _midnight(moment) + timedelta(hours=MOSCOW_MIDNIGHT_HOUR)
    return next_midnight(moment)
