"""What Metrika's logs say of a counter's sent calls in total, how far they are read, the alarms."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Aggregate, Count, Exists, Max, Min, OuterRef, Q, Sum
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import LinkProof, LogRequest, Resend, UnknownLogRow
from calls.queries.link_proofs import LINKED, OF_RESULT
from calls.states import CallKind, LinkResult
from counters.models import Counter

#: Calls of so many days are counted on a counter's page.
COUNTED_DAYS = 7
#: Rows of more proofs are not counted while a page waits.
MOST_COUNTED = 50_000


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
    #: Of the rows, those of static and of other unlinked calls, by result.
    static: Mapping[int, int] = field(default_factory=dict)
    unlinked: Mapping[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The rows of which the logs say anything."""
        return self.linked + self.no_visit + self.absent

    @property
    def linkable(self) -> int:
        """Those that could be linked."""
        return self.count - sum(self.static.values()) - sum(self.unlinked.values())


@dataclass(frozen=True)
class UnknownRows:
    """Rows of a counter in Metrika that were not sent by us and that no person has seen yet."""

    counter_id: int
    counter_name: str
    cabinet_id: int
    doubled: int
    foreign: int
    first_at: datetime


@dataclass(frozen=True)
class ProvedRows:
    """Rows of the ledger by what the logs say of them: value of `link_proofs` → rows."""

    rows: Mapping[str, int] = field(default_factory=dict)
    #: When the newest of the logs were ordered; None without rows.
    read_at: datetime | None = None
    #: Of them, those of files without identifiers, which Metrika links to no visit, by the same.
    unlinked: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.rows.values())

    @property
    def linked(self) -> int:
        """Those with a visit, of the ones that could be linked."""
        return self.of(LINKED)

    @property
    def linkable(self) -> int:
        """Those that could be linked: what a share of linked rows is of, as by the files."""
        return sum(self.of(value) for value in self.rows)

    def of(self, value: str) -> int:
        """Return those of one value that could be linked."""
        return self.rows.get(value, 0) - self.unlinked.get(value, 0)

    @classmethod
    def sum(cls, found: Iterable[ProvedRows]) -> ProvedRows:
        """Return all of some together."""
        some = list(found)
        rows: Counts[str] = Counts()
        unlinked: Counts[str] = Counts()
        for one in some:
            rows.update(one.rows)
            unlinked.update(one.unlinked)
        read = max((one.read_at for one in some if one.read_at), default=None)
        return cls(rows, read, unlinked)


# The counters of a cabinet, or the one of them that is chosen.
_COUNTERS = """ANY (ARRAY(SELECT k.id FROM counters_counter k
    WHERE k.cabinet_id = %(cabinet)s AND (%(counter)s::bigint IS NULL OR k.id = %(counter)s)))"""

# Summed by file before the files are read: a hundredth of the rows.
_PROVED = f"""
SELECT counter_id, result, sum(rows)::int,
    coalesce(sum(rows) FILTER (WHERE is_static), 0)::int, max(proved_at), is_repeat
FROM (
    SELECT n.*, u.counter_id, u.is_static,
        EXISTS (SELECT 1 FROM calls_resend r WHERE r.upload_id = n.upload_id) AS is_repeat
    FROM (
        SELECT upload_id, result, count(*) AS rows, max(proved_at) AS proved_at FROM (
            SELECT p.upload_id, p.result, p.proved_at FROM calls_linkproof p
            WHERE p.counter_id = {_COUNTERS}
              AND p.partition_at >= %(since)s AND p.partition_at < %(until)s
            LIMIT %(most)s
        ) AS found GROUP BY upload_id, result
    ) AS n JOIN calls_upload u ON u.id = n.upload_id
) AS proved GROUP BY counter_id, result, is_repeat
"""

# Files of which some rows are linked, with calls on both sides of an end of the days. A file is
# made after its newest call, and Metrika takes calls of 21 days.
_DIVIDED = f"""
SELECT DISTINCT u.counter_id
FROM unnest(ARRAY[%(since)s, %(until)s]::timestamptz[]) AS ends(at)
JOIN calls_upload u ON u.oldest_call_at < ends.at AND u.newest_call_at >= ends.at
    AND u.created_at > ends.at - interval '1 day'
    AND u.created_at < ends.at + interval '30 days'
WHERE u.counter_id = {_COUNTERS} AND NOT u.is_static
  AND u.linked_quantity > 0 AND u.linked_quantity < u.rows
  AND NOT EXISTS (SELECT 1 FROM calls_resend r WHERE r.upload_id = u.id)
"""


# Proved rows of files without identifiers, which Metrika links to no visit.
_WITHOUT_IDENTIFIER = f"""
SELECT p.result, count(*) FILTER (WHERE c.kind = '{CallKind.STATIC.value}'), count(*)
FROM calls_linkproof p
JOIN calls_upload u ON u.id = p.upload_id AND u.is_static
JOIN calls_call c ON c.id = p.call_id AND c.partition_at = p.partition_at
WHERE p.counter_id = %(counter)s AND p.partition_at >= %(since)s
  AND NOT EXISTS (SELECT 1 FROM calls_resend r WHERE r.upload_id = p.upload_id)
GROUP BY 1"""


def link_totals(counter: Counter, *, now: datetime) -> LinkTotals:
    """Return the totals of today and the days before it, COUNTED_DAYS in all; three queries.

    Repeats that a person ordered are no rows of the ledger.
    """
    first = timezone.localdate(now) - timedelta(days=COUNTED_DAYS - 1)
    since = timezone.make_aware(datetime.combine(first, time()))
    rows = LinkProof.objects.filter(counter=counter, partition_at__gte=since).exclude(
        Exists(Resend.objects.filter(upload_id=OuterRef("upload_id")))
    )
    by_result: dict[str, Aggregate] = {
        "first_at": Min("partition_at"),
        "last_at": Max("partition_at"),
    }
    for name, result in _RESULTS.items():
        by_result[name] = Count("pk", filter=Q(result=result))
        by_result[f"{name}_calls"] = Count("call_id", filter=Q(result=result), distinct=True)
    read = LogRequest.objects.filter(counter=counter, state="done").order_by("-pk")
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT_IDENTIFIER, {"counter": counter.pk, "since": since})
        found = cursor.fetchall()
    return LinkTotals(
        static={result: static for result, static, _all in found},
        unlinked={result: number - static for result, static, number in found},
        **rows.order_by().aggregate(**by_result),
        read_at=read.values_list("posted_at", flat=True).first(),
    )


def proved_by_counter(
    cabinet: Cabinet, since: datetime, until: datetime, *, counter: Counter | None
) -> dict[int, ProvedRows] | None:
    """Return the rows of the ledger whose calls began then, by what the logs say; one query.

    None when they are more than `MOST_COUNTED`. Repeats that a person ordered are no such rows.
    """
    values: dict[str, Any] = {"cabinet": cabinet.pk, "counter": counter and counter.pk}
    values |= {"since": since, "until": until, "most": MOST_COUNTED + 1}
    rows = _rows(_PROVED, values)
    if sum(number for _counter, _result, number, *_others in rows) > MOST_COUNTED:
        return None
    return _by_counter(row for *row, is_repeat in rows if not is_repeat)


def divided_counters(
    cabinet: Cabinet, since: datetime, until: datetime, *, counter: Counter | None
) -> frozenset[int]:
    """Return the counters with files of which some rows are linked, and some are not of the time.

    One query.
    """
    values: dict[str, Any] = {"cabinet": cabinet.pk, "counter": counter and counter.pk}
    rows = _rows(_DIVIDED, values | {"since": since, "until": until})
    return frozenset(pk for (pk,) in rows)


def _rows(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _by_counter(rows: Iterable[Sequence[Any]]) -> dict[int, ProvedRows]:
    by_counter: dict[int, list[ProvedRows]] = {}
    for pk, *row in rows:
        by_counter.setdefault(pk, []).append(_proved_of(*row))
    return {pk: ProvedRows.sum(some) for pk, some in by_counter.items()}


def _proved_of(result: int, number: int, unlinked: int, read_at: datetime) -> ProvedRows:
    value = OF_RESULT[LinkResult(result)]
    return ProvedRows({value: number}, read_at, {value: unlinked})


def upload_proofs(upload_id: int) -> dict[str, Any]:
    """Return the rows of an upload that the logs named (`rows`), those with a visit (`linked`)."""
    return LinkProof.objects.filter(upload_id=upload_id).aggregate(
        rows=Count("pk"),
        linked=Count("pk", filter=Q(result=LinkResult.LINKED)),
    )


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
