"""Pauses that Metrika asked for: of a login, of one counter, or of everybody, kept in rows.

`budget` refuses requests while one is in force.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Value
from django.db.models.functions import Greatest
from django.utils import timezone

from integrations.limits import clock_skew
from integrations.limits.quota_reset import Concerned, concerned, day_of, next_midnight, quota_ends
from integrations.models import RequestDay
from integrations.yandex.errors import QuotaExceeded

#: In place of a login: a pause of all of them, because they share one address.
EVERYBODY = "*"
#: In place of a login, before its number: a pause of one counter.
COUNTER = "counter:"
#: The reason of a pause that is our own: see `rest_until_tomorrow`.
ALL_REFUSED = "all_refused"


def pause(yandex_uid: str, *, until: datetime, reason: str) -> None:
    """Stop all requests of the login until a moment; Metrika said that a quota is spent.

    A pause is never shortened by a later, shorter one. See `whose` for what may stand in place of
    the login.
    """
    day = day_of(timezone.now() + clock_skew.ahead())
    ensure_day(yandex_uid, day)
    RequestDay.objects.filter(yandex_uid=yandex_uid, day=day).update(
        paused_until=Greatest("paused_until", Value(until)), paused_reason=reason
    )


def whose(concerned: Concerned, yandex_uid: str, counter: int | None) -> str:
    """Return what stands for those concerned; '' when the counter concerned is not known."""
    if concerned is Concerned.COUNTER:
        return f"{COUNTER}{counter}" if counter is not None else ""
    return EVERYBODY if concerned is Concerned.EVERYBODY else yandex_uid


def apply_quota_error(
    yandex_uid: str, error: QuotaExceeded, *, now: datetime, counter: int | None = None
) -> None:
    """Pause those whose quota Metrika calls spent, until it is back."""
    until = quota_ends(error, now=now, ahead=clock_skew.ahead())
    whom = whose(concerned(error), yandex_uid, counter)
    if whom:
        pause(whom, until=until, reason=error.error_type or "quota")


def rest_until_tomorrow(counter: int, now: datetime) -> None:
    """Send nothing more of a counter today: Metrika refuses whatever it is given of it."""
    ahead = clock_skew.ahead()
    pause(f"{COUNTER}{counter}", until=next_midnight(now + ahead) - ahead, reason=ALL_REFUSED)


def paused_until(yandex_uid: str, now: datetime) -> datetime | None:
    """Return the end of the pause in force, if any. Yesterday's row may reach past midnight."""
    yesterday = day_of(now) - timedelta(days=2)
    return (
        RequestDay.objects.filter(
            yandex_uid__in=[yandex_uid, EVERYBODY], day__gte=yesterday, paused_until__gt=now
        )
        .order_by("-paused_until")
        .values_list("paused_until", flat=True)
        .first()
    )


def ensure_day(yandex_uid: str, day: date) -> None:
    """Make the row of a day, if it is not there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO integrations_requestday"
            " (yandex_uid, day, uploads, polls, other, paused_reason)"
            " VALUES (%s, %s, 0, 0, 0, '') ON CONFLICT DO NOTHING",
            [yandex_uid, day],
        )
