"""The request budget of a Yandex login, kept in PostgreSQL rows and shared by all processes.

Yandex allows 3 requests at a time and 5,000 a day per login, 30 a second per address
(https://yandex.com/dev/metrika/en/intro/quotas). Every request to Metrika passes through `request`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from integrations.limits import clock_skew, outcomes
from integrations.limits.pauses import COUNTER_PREFIX, ensure_day, paused_until
from integrations.limits.quota_reset import day_of, next_midnight
from integrations.models import RequestDay, RequestSecond
from integrations.yandex.errors import YandexError

PARALLEL_REQUESTS = 3
# A second is counted in five parts: with whole seconds, the end of one and the beginning of the
# next could hold twice the limit between them; with fifths at most a fifth more, 30 with our 25.
PARTS_OF_A_SECOND = 5


class Kind(StrEnum):
    """What a request is for."""

    UPLOAD = "upload"
    POLL = "poll"
    #: The search for an unclear upload. Not limited by the share of polls: deliveries depend on it.
    LOOKUP = "lookup"
    #: The list before a first send after a start. Not limited, nor counted as a poll: after several
    #: starts a day the results of what was sent must still be asked for.
    LOOK = "look"
    OTHER = "other"
    #: Reading of logs, counted with the requests of people and limited to a part of their share.
    LOGS = "logs"

    @property
    def column(self) -> str:
        """The column of RequestDay in which it is counted."""
        columns = {
            Kind.UPLOAD: "uploads",
            Kind.OTHER: "other",
            Kind.LOGS: "other",
            Kind.LOOK: "looks",
        }
        return columns.get(self, "polls")


#: The largest part of the day's requests for each kind; the rest is for lookups and people.
UPLOAD_SHARE = 0.7
POLL_SHARE = 0.2
#: Requests of people and hourly checks; more than the rest, for days with few uploads.
OTHER_SHARE = 0.25
#: Logs are read while people and checks have used less than this: the rest of their share stays.
LOGS_SHARE = 0.15
#: The reason of a refusal for one counter only.
COUNTER_PAUSED = "counter"
#: Reasons that end by themselves within seconds, so that waiting for them is worthwhile.
TRANSIENT_REASONS = frozenset({"second", "parallel"})
RETRY_PAUSE_SECONDS = 0.1
#: How long the next page of a list waits for a free fifth of a second.
PAGE_WAIT_SECONDS = 5
#: When to try again to acquire a slot.
SLOT_RETRY_AFTER = timedelta(seconds=2)

T = TypeVar("T")


class BudgetSpent(Exception):
    """No request may be made now. ``reason``: day, parallel, second, paused or counter.

    ``counter`` means that only requests about this counter are paused.
    """

    def __init__(self, retry_at: datetime, reason: str) -> None:
        super().__init__(f"{reason}: wait until {retry_at:%Y-%m-%d %H:%M:%S}Z")
        self.retry_at = retry_at
        self.reason = reason


@dataclass
class Lease:
    """One of the parallel requests of a login, until it is released or expires."""

    yandex_uid: str
    holder: uuid.UUID
    kind: Kind
    day: date
    #: How many requests were sent under it: pages of a list are fetched one after the other.
    requests: int = 0

    def before_request(self) -> None:
        """Charge the request that is about to be sent, and extend the lease for its duration.

        The first request was charged when the lease was acquired. Raises BudgetSpent.
        """
        if self.requests:
            _retry_transient(lambda: _charge(self), PAGE_WAIT_SECONDS)
        self.prolong()
        self.requests += 1

    def prolong(self) -> None:
        """Extend the lease for another request's duration: for a body that is read for long.

        Raises BudgetSpent when the slot is another's by now.
        """
        _extend(self, timezone.now())


@contextmanager
def request(
    yandex_uid: str, kind: Kind, *, counter: int | None = None, max_wait_seconds: float = 0
) -> Iterator[Lease]:
    """Hold one slot while a request runs. Raises BudgetSpent before anything is sent.

    ``counter`` is the number of the counter that the request is about. For up to
    ``max_wait_seconds`` it waits for a free slot or a free fifth of a second. Whoever makes the
    request calls ``lease.before_request``.

    After success the slot is free at once. After an error that leaves it open whether Yandex is
    still working on the request, the slot stays taken until the lease expires.
    """
    lease = _retry_transient(lambda: acquire(yandex_uid, kind, counter=counter), max_wait_seconds)
    try:
        yield lease
    except Exception as error:
        _close_failed(lease, error)
        raise
    release(lease)
    outcomes.record(yandex_uid, None)


def _close_failed(lease: Lease, error: Exception) -> None:
    """Refund a request that was not sent; release the slot unless Yandex may still be working."""
    if not lease.requests:
        refund(lease)
    elif isinstance(error, YandexError):
        outcomes.record(lease.yandex_uid, error)
    if not lease.requests or not _may_still_run(error):
        release(lease)


def _may_still_run(error: Exception) -> bool:
    """Whether Yandex may be working on the request: no answer came, or our time limit ended it."""
    if isinstance(error, YandexError):
        return error.may_have_arrived
    return isinstance(error, SoftTimeLimitExceeded)


def _retry_transient(act: Callable[[], T], max_seconds: float) -> T:
    give_up_at = time.monotonic() + max_seconds
    while True:
        try:
            return act()
        except BudgetSpent as spent:
            if spent.reason not in TRANSIENT_REASONS or time.monotonic() >= give_up_at:
                raise
            time.sleep(RETRY_PAUSE_SECONDS)


def acquire(yandex_uid: str, kind: Kind, *, counter: int | None = None) -> Lease:
    """Count one request against the day, the second and the slots. Raises BudgetSpent."""
    now, ahead = timezone.now(), clock_skew.ahead()
    day = day_of(now + ahead)
    ensure_day(yandex_uid, day)
    _ensure_slots(yandex_uid)
    with transaction.atomic():
        _refuse_while_paused(yandex_uid, counter, now)
        _spend_day(yandex_uid, kind, day, ends_at=next_midnight(now + ahead) - ahead)
        _spend_second(now)
        return _acquire_slot(yandex_uid, kind, now, day)


def _charge(lease: Lease) -> None:
    now, ahead = timezone.now(), clock_skew.ahead()
    with transaction.atomic():
        _spend_day(
            lease.yandex_uid, lease.kind, lease.day, ends_at=next_midnight(now + ahead) - ahead
        )
        _spend_second(now)


def release(lease: Lease) -> None:
    """Free the slot if this lease still holds it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_requestslot SET held_until = NULL, holder = NULL"
            " WHERE yandex_uid = %s AND holder = %s",
            [lease.yandex_uid, lease.holder],
        )


def refund(lease: Lease) -> None:
    """Undo the day's charge for a request that was not made."""
    column = lease.kind.column
    RequestDay.objects.filter(
        yandex_uid=lease.yandex_uid, day=lease.day, **{f"{column}__gt": 0}
    ).update(**{column: F(column) - 1})


def polls_today(yandex_uid: str, now: datetime) -> int:
    """Return how many polls and lookups of the login were counted today."""
    day = day_of(now + clock_skew.ahead())
    days = RequestDay.objects.filter(yandex_uid=yandex_uid, day=day)
    return days.values_list("polls", flat=True).first() or 0


def delete_old_seconds(now: datetime) -> int:
    """Delete the counts of past seconds; return how many."""
    until = int((now.timestamp() - 60) * PARTS_OF_A_SECOND)
    deleted, _ = RequestSecond.objects.filter(second__lt=until).delete()
    return deleted


def _ensure_slots(yandex_uid: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO integrations_requestslot (yandex_uid, number)"
            " SELECT %s, n FROM generate_series(1, %s) n ON CONFLICT DO NOTHING",
            [yandex_uid, PARALLEL_REQUESTS],
        )


def _refuse_while_paused(yandex_uid: str, counter: int | None, now: datetime) -> None:
    until = paused_until(yandex_uid, now)
    if until is not None:
        raise BudgetSpent(until, "paused")
    until = paused_until(f"{COUNTER_PREFIX}{counter}", now) if counter else None
    if until is not None:
        raise BudgetSpent(until, COUNTER_PAUSED)


def _spend_day(yandex_uid: str, kind: Kind, day: date, *, ends_at: datetime) -> None:
    total = settings.METRIKA_DAILY_REQUESTS
    shares = {
        Kind.UPLOAD: UPLOAD_SHARE,
        Kind.POLL: POLL_SHARE,
        Kind.OTHER: OTHER_SHARE,
        Kind.LOGS: LOGS_SHARE,
    }
    share = shares.get(kind, 1)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE integrations_requestday SET {kind.column} = {kind.column} + 1"
            " WHERE yandex_uid = %s AND day = %s AND uploads + polls + looks + other < %s"
            f" AND {kind.column} < %s RETURNING id",
            [yandex_uid, day, total, max(1, int(total * share))],
        )
        if cursor.fetchone() is None:
            raise BudgetSpent(ends_at, "day")


def _spend_second(now: datetime) -> None:
    moment = int(now.timestamp() * PARTS_OF_A_SECOND)
    allowed = max(1, settings.METRIKA_REQUESTS_PER_SECOND // PARTS_OF_A_SECOND)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO integrations_requestsecond AS s (second, used) VALUES (%s, 1)"
            " ON CONFLICT (second) DO UPDATE SET used = s.used + 1 WHERE s.used < %s"
            " RETURNING used",
            [moment, allowed],
        )
        if cursor.fetchone() is None:
            retry_at = datetime.fromtimestamp((moment + 1) / PARTS_OF_A_SECOND, UTC)
            raise BudgetSpent(retry_at, "second")


def max_duration(kind: Kind) -> timedelta:
    """Return how long a request may take, with a margin for the server, which may end after us.

    An upload has its timeout twice: for sending the body, and for waiting for the answer.
    """
    reading = {Kind.UPLOAD: 2 * settings.UPLOAD_READ_TIMEOUT_SECONDS}
    seconds = reading.get(kind, settings.READ_TIMEOUT_SECONDS)
    return timedelta(
        seconds=settings.CONNECT_TIMEOUT_SECONDS + seconds + settings.LEASE_MARGIN_SECONDS
    )


def _extend(lease: Lease, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_requestslot SET held_until = %s"
            " WHERE yandex_uid = %s AND holder = %s",
            [now + max_duration(lease.kind), lease.yandex_uid, lease.holder],
        )
        if not cursor.rowcount:
            raise BudgetSpent(now + SLOT_RETRY_AFTER, "parallel")


def _acquire_slot(yandex_uid: str, kind: Kind, now: datetime, day: date) -> Lease:
    held_until = now + max_duration(kind)
    holder = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_requestslot SET held_until = %s, holder = %s WHERE id = ("
            " SELECT id FROM integrations_requestslot WHERE yandex_uid = %s"
            " AND (held_until IS NULL OR held_until < %s)"
            " ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id",
            [held_until, holder, yandex_uid, now],
        )
        if cursor.fetchone() is None:
            raise BudgetSpent(now + SLOT_RETRY_AFTER, "parallel")
    return Lease(yandex_uid, holder, kind, day)
