"""Whether Yandex fails for many: errors of one class over all logins, in the last minutes.

An outage begins when at least half of the requests, and of the logins, fail in the same way, and
ends when most requests succeed again. Without requests nothing is known, and nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q

from integrations.models import RequestOutcome, YandexOutage

#: What is looked at: an outage is told after so much of it at the latest.
WINDOW = timedelta(minutes=10)
#: Its end is judged by less: what was before the end must not delay it.
END_WINDOW = timedelta(minutes=3)
#: Failures of Yandex itself; that many have to fail, in this part of the requests and the logins.
OF_YANDEX = ("Unreachable", "UnexpectedAnswer")
MIN_FAILED, FAILING_PART = 5, 0.5
#: Rejected tokens and withdrawn rights are mostly the customer's doing: of one login they say
#: nothing, of so many at once they do.
OF_MANY = ("TokenRejected", "AccessDenied")
MIN_LOGINS = 5
#: At most this part of the requests fails when it is over.
OVER_PART = 0.2
KEPT = timedelta(days=2)
#: A number in PostgreSQL's space of advisory locks.
_LOCK = 7_311_083

# Requests and logins in all, and of each class of error, with its first minute.
_OUTCOMES = """
SELECT outcome, sum(requests)::bigint, count(DISTINCT yandex_uid), min(minute),
       (sum(sum(requests)) OVER ())::bigint,
       (SELECT count(DISTINCT yandex_uid) FROM integrations_requestoutcome
        WHERE minute >= %(since)s)
FROM integrations_requestoutcome WHERE minute >= %(since)s GROUP BY outcome"""


@dataclass(frozen=True)
class Outcomes:
    """Requests with one outcome in a window, of those of all outcomes."""

    outcome: str
    requests: int
    logins: int
    first_minute: datetime
    all_requests: int
    all_logins: int

    @property
    def is_outage(self) -> bool:
        """Whether so many fail in this way that it is Yandex."""
        is_common = (
            self.requests >= FAILING_PART * self.all_requests
            and self.logins >= FAILING_PART * self.all_logins
        )
        if self.outcome in OF_YANDEX:
            return is_common and self.requests >= MIN_FAILED
        return self.outcome in OF_MANY and is_common and self.logins >= MIN_LOGINS


def watch(*, now: datetime) -> int:
    """Begin and end outages, delete old counts; return how many began or ended. One at a time."""
    with transaction.atomic():
        if not _is_only_run():
            return 0
        RequestOutcome.objects.filter(minute__lt=now - KEPT).delete()
        latest = _Latest.of(now)
        return _end(now, latest) + _begin(now, latest)


def current() -> list[YandexOutage]:
    """Return the outages that go on, the first first."""
    return list(YandexOutage.objects.filter(ended_at=None).order_by("began_at"))


def recent(now: datetime, period: timedelta = timedelta(days=30)) -> list[YandexOutage]:
    """Return the outages of the last days, the newest first, those that go on included."""
    return list(
        YandexOutage.objects.filter(Q(began_at__gt=now - period) | Q(ended_at=None)).order_by(
            "-began_at"
        )[:50]
    )


@dataclass(frozen=True)
class _Latest:
    """Requests of END_WINDOW by outcome."""

    requests: dict[str, int]

    @classmethod
    def of(cls, now: datetime) -> _Latest:
        return cls({one.outcome: one.requests for one in _outcomes(now - END_WINDOW)})

    def is_over(self, outcome: str) -> bool:
        """Whether most requests succeed again; False without any that did."""
        most = OVER_PART * sum(self.requests.values())
        return bool(self.requests.get("", 0)) and self.requests.get(outcome, 0) <= most


def _begin(now: datetime, latest: _Latest) -> int:
    begun = 0
    for one in _outcomes(now - WINDOW):
        # The failures of an outage that is over are in the longer window for some minutes more.
        if not one.is_outage or latest.is_over(one.outcome):
            continue
        _row, is_new = YandexOutage.objects.get_or_create(
            outcome=one.outcome,
            ended_at=None,
            defaults={"began_at": one.first_minute, "failed": one.requests},
        )
        begun += is_new
    return begun


def _end(now: datetime, latest: _Latest) -> int:
    ended = 0
    for outage in YandexOutage.objects.filter(ended_at=None):
        _count_failed(outage, now)
        if latest.is_over(outage.outcome):
            ended += YandexOutage.objects.filter(pk=outage.pk).update(ended_at=now)
    return ended


def _count_failed(outage: YandexOutage, now: datetime) -> None:
    """Add the failures of the last whole minute."""
    minute = now.replace(second=0, microsecond=0) - timedelta(minutes=1)
    rows = RequestOutcome.objects.filter(minute=minute, outcome=outage.outcome)
    count = sum(rows.values_list("requests", flat=True))
    YandexOutage.objects.filter(pk=outage.pk).update(failed=F("failed") + count)


def _outcomes(since: datetime) -> list[Outcomes]:
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, {"since": since.replace(second=0, microsecond=0)})
        return [Outcomes(*row) for row in cursor.fetchall()]


def _is_only_run() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])
