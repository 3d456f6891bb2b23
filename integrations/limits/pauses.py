"""Pauses after a spent quota: of a login, of one counter, or of all logins, kept in rows.

`request_budget` refuses requests while one is in force.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Value
from django.db.models.functions import Greatest
from django.utils import timezone

from integrations.limits import clock_skew
from integrations.limits.quota_reset import (
    QuotaScope,
    day_of,
    quota_ends,
    quota_scope,
)
from integrations.models import RequestDay
from integrations.yandex.errors import QuotaExceeded

#: In place of a login: a pause of all of them, because they share one IP address.
ALL_LOGINS = "*"
#: In place of a login, followed by the counter's number: a pause of one counter.
COUNTER_PREFIX = "counter:"


def pause(key: str, *, until: datetime, reason: str) -> None:
    """Refuse the requests of a login, a counter or all logins until a moment; see `pause_key`.

    A pause is never shortened by a later, shorter one.
    """
    day = day_of(timezone.now() + clock_skew.ahead())
    ensure_day(key, day)
    RequestDay.objects.filter(yandex_uid=key, day=day).update(
        paused_until=Greatest("paused_until", Value(until)), paused_reason=reason
    )


def pause_key(scope: QuotaScope, yandex_uid: str, counter: int | None) -> str:
    """Return the key under which a pause is stored; '' when the counter is not known."""
    if scope is QuotaScope.COUNTER:
        return f"{COUNTER_PREFIX}{counter}" if counter is not None else ""
    return ALL_LOGINS if scope is QuotaScope.ALL_LOGINS else yandex_uid


def apply_quota_error(
    yandex_uid: str, error: QuotaExceeded, *, now: datetime, counter: int | None = None
) -> None:
    """Pause the login, the counter or all logins whose quota is spent, until it is back."""
    until = quota_ends(error, now=now, ahead=clock_skew.ahead())
    key = pause_key(quota_scope(error), yandex_uid, counter)
    if key:
        pause(key, until=until, reason=error.error_type or "quota")


def paused_until(yandex_uid: str, now: datetime) -> datetime | None:
    """Return the end of the pause in force, if any. Yesterday's row may reach past midnight.

    For a counter ``yandex_uid`` is its pause key.
    """
    yesterday = day_of(now) - timedelta(days=2)
    return (
        RequestDay.objects.filter(
            yandex_uid__in=[yandex_uid, ALL_LOGINS], day__gte=yesterday, paused_until__gt=now
        )
        .order_by("-paused_until")
        .values_list("paused_until", flat=True)
        .first()
    )


def ensure_day(yandex_uid: str, day: date) -> None:
    """Insert the row of a day unless it exists."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO integrations_requestday"
            " (yandex_uid, day, uploads, polls, other, paused_reason)"
            " VALUES (%s, %s, 0, 0, 0, '') ON CONFLICT DO NOTHING",
            [yandex_uid, day],
        )
