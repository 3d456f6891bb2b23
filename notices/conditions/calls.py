"""Conditions of calls: uploads that wait for a person or do not leave, calls about to expire."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from cabinets.models import Cabinet
from calls.models import MetrikaReport, Upload, UploadAttempt
from calls.queries.expiry_warnings import ExpiryWarning, expiry_warnings
from calls.queries.link_totals import unknown_rows
from calls.states import TO_SEND, Attention, UploadState
from counters.models import Counter
from counters.sendable import SENDABLE, as_q
from notices.conditions.found import Found
from notices.kinds import Kind

#: An upload that has not left so long after it was built is late, whatever it waits for.
LATE_AFTER = timedelta(hours=6)
_LAST_ATTEMPT = UploadAttempt.objects.filter(upload=OuterRef("pk")).order_by("-number")
#: Since when an upload waits for a person: its result, or the refusal of its last attempt.
_STUCK_SINCE = Coalesce(
    "settled_at",
    Case(When(attention=Attention.REJECTED, then=Subquery(_LAST_ATTEMPT.values("ended_at")[:1]))),
)


def stuck_uploads(now: datetime, cabinet: Cabinet | None = None) -> Iterator[Found]:
    """Yield the counters with uploads that no task takes further."""
    stuck = Upload.objects.needs_attention().filter(_in(cabinet), counter__removed_at=None)
    yield from _by_counter(stuck.annotate(begin=_STUCK_SINCE), Kind.STUCK)


def delayed_uploads(now: datetime, cabinet: Cabinet | None = None) -> Iterator[Found]:
    """Yield the counters that could be sent to and have uploads that have not left for hours."""
    states = (*TO_SEND, UploadState.UNCLEAR)
    late = Upload.objects.filter(_in(cabinet), state__in=states, created_at__lte=now - LATE_AFTER)
    # Since when the counter can be sent to, no row tells.
    unknown = Value(None, output_field=DateTimeField())
    sendable = late.filter(as_q(SENDABLE, "counter__"))
    yield from _by_counter(sendable.annotate(begin=unknown), Kind.DELAYED)


def _in(cabinet: Cabinet | None) -> Q:
    """Match the uploads of one cabinet, or of all."""
    return Q(counter__cabinet=cabinet) if cabinet else Q()


def foreign_rows(now: datetime) -> Iterator[Found]:
    """Yield the counters with rows in Metrika that were not sent and that no person has seen."""
    for one in unknown_rows(Q()):
        facts: dict[str, Any] = {"counter": one.counter_id, "name": one.counter_name}
        facts |= {"rows": one.doubled + one.foreign}
        yield Found(one.cabinet_id, Kind.FOREIGN_ROWS, f"counter:{one.counter_id}", facts)


def report_differences(now: datetime) -> Iterator[Found]:
    """Yield the counters whose last report of Metrika differs by more than the threshold."""
    reports = MetrikaReport.objects.filter(is_different=True, counter__removed_at=None)
    rows = reports.order_by("pk").values_list(
        "counter_id", "counter__cabinet_id", "counter__name", "unexplained"
    )
    for counter_id, cabinet_id, name, unexplained in rows:
        facts: dict[str, Any] = {"counter": counter_id, "name": name}
        facts |= {"calls": abs(unexplained), "is_more": unexplained > 0}
        yield Found(cabinet_id, Kind.REPORT_DIFFERENCE, f"counter:{counter_id}", facts)


def _by_counter(uploads: QuerySet[Upload], kind: Kind) -> Iterator[Found]:
    """Yield the counters of uploads; ``begin`` of an upload is null where no row tells it."""
    rows = (
        uploads.order_by()
        .values_list("counter_id", "counter__cabinet_id", "counter__name")
        .annotate(Count("pk"), Sum("rows"), Min("pk"), Min("begin"), Count("begin"))
    )
    for counter_id, cabinet_id, name, count, calls, first, begin, known in rows:
        facts: dict[str, Any] = {"counter": counter_id, "name": name, "uploads": count}
        facts |= {"calls": calls, "upload": first if count == 1 else 0}
        since = begin if known == count else None
        yield Found(cabinet_id, kind, f"counter:{counter_id}", facts, since)


def expiring_calls(now: datetime, cabinet: Cabinet | None = None) -> Iterator[Found]:
    """Yield the counters whose calls expire within a week (day 14), two days (19), or have."""
    warnings = expiry_warnings(Q(cabinet=cabinet) if cabinet else Q(), now=now)
    ids = [one.counter_id for one in warnings]
    cabinets = dict(Counter.objects.filter(pk__in=ids).values_list("pk", "cabinet_id"))
    for one in warnings:
        for kind, calls, linkable in _counts(one):
            facts = {"counter": one.counter_id, "name": one.counter_name, "calls": calls}
            if linkable != calls:
                facts["lost"] = linkable
            # Since when calls that may still be sent are blocked, no row tells.
            since = one.expired_since if kind == Kind.EXPIRED else None
            yield Found(cabinets[one.counter_id], kind, f"counter:{one.counter_id}", facts, since)


def _counts(warning: ExpiryWarning) -> Iterator[tuple[Kind, int, int]]:
    # Within a week includes within two days: the first warning does not end when the last begins.
    counts = (
        (Kind.EXPIRING_WEEK, warning.in_a_week, warning.linkable_in_a_week),
        (Kind.EXPIRING_DAYS, warning.in_two_days, warning.linkable_in_two_days),
        (Kind.EXPIRED, warning.expired, warning.lost),
    )
    return (count for count in counts if count[1])
