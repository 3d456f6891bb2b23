"""The request budget of a Yandex login, kept in rows and shared by all processes.

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

from integrations.limits import clock_skew
from integrations.limits.pauses import COUNTER, ensure_day, paused_until
from integrations.limits.quota_reset import day_of, next_midnight
from integrations.models import RequestDay, RequestSecond
from integrations.yandex.errors import YandexError

PARALLEL_REQUESTS = 3
# A second is counted in parts. Counted whole, the end of one and the beginning of the next could
# hold twice the limit between them; with fifths it is a fifth more: 30 for our 25.
PARTS_OF_A_SECOND = 5


class Kind(StrEnum):
    """What a request is for."""

    UPLOAD = "upload"
    POLL = "poll"
    #: The question about an unclear upload goes before all polls: calls hang on it.
    LOOKUP = "lookup"
    OTHER = "other"

    @property
    def column(self) -> str:
        """Where it is counted."""
        return {Kind.UPLOAD: "uploads", Kind.OTHER: "other"}.get(self, "polls")


#: No kind may eat the others' part of the day; what is left over is for lookups and people.
UPLOAD_SHARE = 0.7
POLL_SHARE = 0.2
#: People and hourly looks; more than what is left, for a day without many uploads.
OTHER_SHARE = 0.25
#: The reason of a refusal that concerns one counter only.
COUNTER_PAUSED = "counter"


#: Reasons that pass by themselves within a moment.
PASSING = frozenset({"second", "parallel"})
PATIENT_PAUSE_SECONDS = 0.1
#: How long the next page of a list waits for a free fifth of a second.
PAGE_PATIENCE_SECONDS = 5
#: When to look again for a free slot.
SLOT_PAUSE = timedelta(seconds=2)

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
    """One of the parallel requests of a login, until it is given back or runs out."""

    yandex_uid: str
    holder: uuid.UUID
    kind: Kind
    day: date
    #: How many requests have left under it: pages of a list go one after the other.
    requests: int = 0

    def before_request(self) -> None:
        """Hear that a request is about to leave: the first is paid for, each further one pays.

        The slot is held anew for as long as this one may take. Raises BudgetSpent.
        """
        if self.requests:
            _patiently(lambda: _charge(self), PAGE_PATIENCE_SECONDS)
        _hold_on(self, timezone.now())
        self.requests += 1


@contextmanager
def request(
    yandex_uid: str, kind: Kind, *, counter: int | None = None, patience_seconds: float = 0
) -> Iterator[Lease]:
    """Hold one slot while a request runs. Raises BudgetSpent before anything is sent.

    ``counter`` is the number of the one it is about. With patience a slot or a second that is about
    to be free is waited for: a person is waiting. What makes the request calls
    ``lease.before_request``.

    After a clean end the slot is free at once. After an unclear one it stays taken until the
    lease runs out, because Yandex may still be working on the request.
    """
    lease = _patiently(lambda: take(yandex_uid, kind, counter=counter), patience_seconds)
    try:
        yield lease
    except Exception as error:
        _end_badly(lease, error)
        raise
    give_back(lease)


def _end_badly(lease: Lease, error: Exception) -> None:
    """Free what the request did not use, or certainly uses no more."""
    if not lease.requests:
        take_back(lease)
    if not lease.requests or not _may_still_run(error):
        give_back(lease)


def _may_still_run(error: Exception) -> bool:
    """Whether Yandex may be at work on the request: cut off by its answer, or by our own clock."""
    if isinstance(error, YandexError):
        return error.may_have_arrived
    return isinstance(error, SoftTimeLimitExceeded)


def _patiently(act: Callable[[], T], seconds: float) -> T:
    give_up_at = time.monotonic() + seconds
    while True:
        try:
            return act()
        except BudgetSpent as spent:
            if spent.reason not in PASSING or time.monotonic() >= give_up_at:
                raise
            time.sleep(PATIENT_PAUSE_SECONDS)


def take(yandex_uid: str, kind: Kind, *, counter: int | None = None) -> Lease:
    """Count one request against the day, the second and the slots, or raise BudgetSpent."""
    now, ahead = timezone.now(), clock_skew.ahead()
    day = day_of(now + ahead)
    ensure_day(yandex_uid, day)
    _prepare_slots(yandex_uid)
    with transaction.atomic():
        _refuse_while_paused(yandex_uid, counter, now)
        _spend_day(yandex_uid, kind, day, ends_at=next_midnight(now + ahead) - ahead)
        _spend_second(now)
        return _take_slot(yandex_uid, kind, now, day)


def _charge(lease: Lease) -> None:
    now, ahead = timezone.now(), clock_skew.ahead()
    with transaction.atomic():
        _spend_day(
            lease.yandex_uid, lease.kind, lease.day, ends_at=next_midnight(now + ahead) - ahead
        )
        _spend_second(now)


def give_back(lease: Lease) -> None:
    """Free the slot, if it is still this lease's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_requestslot SET held_until = NULL, holder = NULL"
            " WHERE yandex_uid = %s AND holder = %s",
            [lease.yandex_uid, lease.holder],
        )


def take_back(lease: Lease) -> None:
    """Return what the day was charged for a request that was not made after all."""
    column = lease.kind.column
    RequestDay.objects.filter(
        yandex_uid=lease.yandex_uid, day=lease.day, **{f"{column}__gt": 0}
    ).update(**{column: F(column) - 1})


def polls_today(yandex_uid: str, now: datetime) -> int:
    """Return how many lists the login was asked for today."""
    day = day_of(now + clock_skew.ahead())
    days = RequestDay.objects.filter(yandex_uid=yandex_uid, day=day)
    return days.values_list("polls", flat=True).first() or 0


def forget_old_seconds(now: datetime) -> int:
    """Delete the counts of seconds gone by; return how many."""
    until = int((now.timestamp() - 60) * PARTS_OF_A_SECOND)
    deleted, _ = RequestSecond.objects.filter(second__lt=until).delete()
    return deleted


def _prepare_slots(yandex_uid: str) -> None:
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
    until = paused_until(f"{COUNTER}{counter}", now) if counter else None
    if until is not None:
        raise BudgetSpent(until, COUNTER_PAUSED)


def _spend_day(yandex_uid: str, kind: Kind, day: date, *, ends_at: datetime) -> None:
    total = settings.METRIKA_DAILY_REQUESTS
    shares = {Kind.UPLOAD: UPLOAD_SHARE, Kind.POLL: POLL_SHARE, Kind.OTHER: OTHER_SHARE}
    share = shares.get(kind, 1)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE integrations_requestday SET {kind.column} = {kind.column} + 1"
            " WHERE yandex_uid = %s AND day = %s AND uploads + polls + other < %s"
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


def longest(kind: Kind) -> timedelta:
    """Return how long a request may take, and a margin for the server, which goes on after us.

    An upload has its time twice: for the body to leave, and for the answer to come.
    """
    reading = {Kind.UPLOAD: 2 * settings.UPLOAD_READ_TIMEOUT_SECONDS}
    seconds = reading.get(kind, settings.READ_TIMEOUT_SECONDS)
    return timedelta(
        seconds=settings.CONNECT_TIMEOUT_SECONDS + seconds + settings.LEASE_MARGIN_SECONDS
    )


def _hold_on(lease: Lease, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_requestslot SET held_until = %s"
            " WHERE yandex_uid = %s AND holder = %s",
            [now + longest(lease.kind), lease.yandex_uid, lease.holder],
        )
        if not cursor.rowcount:
            raise BudgetSpent(now + SLOT_PAUSE, "parallel")


def _take_slot(yandex_uid: str, kind: Kind, now: datetime, day: date) -> Lease:
    held_until = now + longest(kind)
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
            raise BudgetSpent(now + SLOT_PAUSE, "parallel")
    return Lease(yandex_uid, holder, kind, day)
