"""What Metrika's logs say of a counter's sent calls in total, how far they are read, the alarms."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db.models import Aggregate, Count, Exists, Max, Min, OuterRef, Q, Sum
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import LinkProof, LogRequest, Resend, UnknownLogRow
from calls.queries.link_proofs import OF_RESULT
from calls.states import LinkResult
from counters.models import Counter

#: Calls of so many days are counted on a counter's page.
COUNTED_DAYS = 7
#: Rows of more proofs are not counted while a page waits.
MOST_COUNTED = 100_000


_RESULTS = {
    "linked": LinkResult.LINKED,
    "no_visit": LinkResult.NO_VISIT,
    "absent": LinkResult.ABSENT,
}


@dataclass(frozen=True)
class LinkTotals:
    """Rows of the ledger of the last days by what the logs say of them, and of how many calls."""

    linked: int = 0
    linked_calls: int = 0
    no_visit: int = 0
    no_visit_calls: int = 0
    absent: int = 0
    absent_calls: int = 0
    #: The earliest and the latest time of these calls, which their days are counted by.
    first_at: datetime | None = None
    last_at: datetime | None = None
    #: When the newest logs were ordered that were read to their end.
    read_at: datetime | None = None

    @property
    def count(self) -> int:
        """The rows of which the logs say anything."""
        return self.linked + self.no_visit + self.absent


@dataclass(frozen=True)
class UnknownRows:
    """Rows of a counter in Metrika that were not sent by us and that no person has seen yet."""

    counter_id: int
    counter_name: str
    cabinet_id: int
    doubled: int
    foreign: int
    first_at: datetime


def link_totals(counter: Counter, *, now: datetime) -> LinkTotals:
    """Return the totals of today and the days before it, COUNTED_DAYS in all; two queries.

    Repeats that a person ordered are no rows of the ledger.
    """
    since = (timezone.localdate(now) - timedelta(days=COUNTED_DAYS - 1), time())
    rows = LinkProof.objects.filter(
        counter=counter, partition_at__gte=timezone.make_aware(datetime.combine(*since))
    ).exclude(Exists(Resend.objects.filter(upload_id=OuterRef("upload_id"))))
    by_result: dict[str, Aggregate] = {
        "first_at": Min("partition_at"),
        "last_at": Max("partition_at"),
    }
    for name, result in _RESULTS.items():
        by_result[name] = Count("pk", filter=Q(result=result))
        by_result[f"{name}_calls"] = Count("call_id", filter=Q(result=result), distinct=True)
    read = LogRequest.objects.filter(counter=counter, state="done").order_by("-pk")
    return LinkTotals(
        **rows.order_by().aggregate(**by_result),
        read_at=read.values_list("posted_at", flat=True).first(),
    )


def proved_rows(
    cabinet: Cabinet, since: datetime, until: datetime, *, counter: Counter | None
) -> dict[str, int] | None:
    """Return the rows of the ledger whose calls began then, by what the logs say; one query.

    None when they are more than `MOST_COUNTED`. Repeats that a person ordered are no such rows.
    """
    counters = [counter.pk] if counter else list(cabinet.counters.values_list("pk", flat=True))
    rows = LinkProof.objects.filter(
        counter_id__in=counters, partition_at__gte=since, partition_at__lt=until
    ).exclude(Exists(Resend.objects.filter(upload_id=OuterRef("upload_id"))))
    results = rows.order_by().values_list("result", flat=True)[: MOST_COUNTED + 1]
    found = Tally(OF_RESULT[LinkResult(one)] for one in results.iterator())
    return dict(found) if found.total() <= MOST_COUNTED else None


def latest_requests(counter: Counter) -> list[LogRequest]:
    """Return the open requests of a counter, or the newest one that has ended; the newest first."""
    newest = list(LogRequest.objects.filter(counter=counter).order_by("-pk")[:5])
    return [one for one in newest if one.is_open] or newest[:1]


def unknown_rows(counters: Q) -> list[UnknownRows]:
    """Return the counters with unseen rows, by name; one query. ``counters``: Q of `Counter`."""
    found = (
        UnknownLogRow.objects.filter(seen_at=None)
        .filter(counter__in=Counter.objects.present().filter(counters))
        .order_by("counter__name", "counter_id")
        .values_list("counter_id", "counter__name", "counter__cabinet_id")
        .annotate(
            doubled=Sum("count", filter=Q(kind=UnknownLogRow.Kind.DOUBLED), default=0),
            foreign=Sum("count", filter=Q(kind=UnknownLogRow.Kind.FOREIGN), default=0),
            first_at=Min("found_at"),
        )
    )
    return [UnknownRows(*row) for row in found]


def unknown_by_counter(counter_ids: Collection[int]) -> dict[int, UnknownRows]:
    """Return the same by counter id."""
    return {one.counter_id: one for one in unknown_rows(Q(pk__in=list(counter_ids)))}
