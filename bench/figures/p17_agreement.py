"""P17: whether funnel, statistics, ledger and reconciliation count the same rows as plain SQL does.

The calls are those of `bench.months`; some of them have a start that was corrected to another day.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Hashable, Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from bench import months, world
from bench.figure import Fact, Figure
from calls.models import Call, Delivery
from calls.models.reports import zone_of
from calls.pages.funnel_steps import ACCEPTED, STEPS, WITH_METRIKA, Rows
from calls.queries.display_state import with_display_state
from calls.queries.ledger_filters import CallFilters
from calls.queries.ledger_walk import Place, next_calls
from calls.queries.statistics import calls_of
from calls.reconciliation import own_side
from calls.states import Channel
from calls.summary import read
from calls.summary.refresh import refresh
from counters.models import Counter

#: A day before the first call and after the last one that was corrected.
DAYS = months.DAYS + 3
#: Days of the walk over the whole cabinet, and calls of a step of it.
WALKED_DAYS, STEP = 28, 1000
#: One call of so many was corrected by as much.
MOVED, MOVED_BY = 499, "26 hours"
Counts = Tally[Hashable]

_ROWS = """
SELECT d.counter_id, d.channel, (d.partition_at AT TIME ZONE %(zone)s)::date, count(*),
    count(*) FILTER (WHERE d.state = 3 AND u.uploading_id IS NOT NULL),
    count(*) FILTER (WHERE d.state = 3 AND u.state IN ('processed', 'linkage_failure'))
FROM calls_delivery d LEFT JOIN calls_upload u ON u.id = d.upload_id
WHERE d.counter_id = ANY (%(counters)s) GROUP BY 1, 2, 3"""
_CALLS = """
SELECT (partition_at AT TIME ZONE %(zone)s)::date, count(*) FROM calls_call
WHERE cabinet_id = %(cabinet)s GROUP BY 1"""
_SENT_CALLS = """
SELECT count(DISTINCT d.call_id)
FROM calls_delivery d JOIN calls_upload u ON u.id = d.upload_id AND u.uploading_id IS NOT NULL
WHERE d.state = 3 AND d.counter_id = ANY (%(counters)s)
    AND d.partition_at >= %(since)s AND d.partition_at < %(until)s"""


class Agreement(Figure):
    """No floor and no naive peer: the sums have to be equal."""

    title = "P17 agreement of the counts"
    contenders = ()
    limits = 2
    #: The differences.
    required_facts = 1

    def prepare(self) -> None:
        world.forget_calls()
        calls = self.sizes.page_calls[0]
        self.owner = months.generate(calls)
        self.cabinet, self.now = self.owner.cabinet, timezone.now()
        world.execute(
            f"UPDATE calls_call SET started_at = partition_at + interval '{MOVED_BY}'"
            f" WHERE id % {MOVED} = 0"
        )
        while refresh(now=self.now, seconds=60):
            pass
        world.execute("ANALYZE calls_callsummary, calls_deliverysummary, calls_summarymark")
        zone, today = timezone.get_current_timezone(), timezone.localdate()
        self.period = read.Period(today - timedelta(days=DAYS), today + timedelta(days=2), zone)
        self.differences, self.compared = 0, 0
        for part in (self._rows, self._states, self._reconciliation, self._calls, self._walks):
            began = time.perf_counter()
            part()
            title = f"{calls:,} calls: comparing {part.__name__.strip('_')}"
            self.facts.append(Fact(title, time.perf_counter() - began, "s"))
        self.facts += [
            Fact(f"{calls:,} calls: counts compared", self.compared, "counts"),
            Fact(
                f"{calls:,} calls: differences", self.differences, "", at_most=0, is_required=True
            ),
        ]

    def _compare(self, ours: Counts, plain: Counts) -> None:
        keys = {*ours, *plain}
        self.compared += len(keys)
        self.differences += sum(ours[key] != plain[key] for key in keys)

    def _rows(self) -> None:
        """The sums of the funnel and the statistics, and plain SQL."""
        found = self._summed()
        self.plain = {name: Tally[Hashable]() for name in ("received", "sent", "accepted")}
        values = {"zone": str(self.period.zone), "counters": self._counters}
        for counter, channel, day, *counts in _fetched(_ROWS, values):
            for name, count in zip(self.plain, counts, strict=True):
                self.plain[name][counter, channel, day] += count
        every = Rows([state for step in STEPS for state in step.reached.states])
        steps = {"received": every, "sent": WITH_METRIKA, "accepted": Rows(ACCEPTED)}
        for name, rows in steps.items():
            self._compare(_by_day(found, rows), self.plain[name])

    def _states(self) -> None:
        """The sums by display state, and the ledger's own annotation of every row."""
        rows = with_display_state(Delivery.objects.filter(cabinet=self.cabinet), self.now)
        days = rows.annotate(day=TruncDate("partition_at", tzinfo=self.period.zone)).order_by()
        names = ("counter_id", "channel", "day", "display_state")
        counted = days.values_list(*names).annotate(rows=Count("pk"))
        ledger: Counts = Tally({tuple(key): rows for *key, rows in counted})
        sums: Counts = Tally()
        for row in self._summed():
            sums[row["counter_id"], row["channel"], row["day"], row["shown"]] += row["deliveries"]
        self._compare(sums, ledger)

    def _reconciliation(self) -> None:
        """Our side of the comparison with Metrika's reports, by counter, channel and day."""
        ours = {name: Tally[Hashable]() for name in ("received", "sent", "accepted")}
        for counter in Counter.objects.filter(pk__in=self._counters):
            if ZoneInfo(zone_of(counter)) != ZoneInfo(str(self.period.zone)):
                raise RuntimeError("the counters have days of their own")
            days = own_side.Period(self.period.first, self.period.last, zone_of(counter), None)
            for channel in Channel:
                for day, one in own_side.own_days(counter, channel, days).items():
                    key = (counter.pk, channel.value, day)
                    ours["received"][key] += one.received
                    ours["sent"][key] += one.sent
                    ours["accepted"][key] += one.accepted_high
        for name, counts in ours.items():
            self._compare(counts, self.plain[name])

    def _calls(self) -> None:
        """The calls of the statistics by day, and plain SQL."""
        values = {"zone": str(self.period.zone), "cabinet": self.cabinet.pk}
        plain: Counts = Tally(dict(_fetched(_CALLS, values)))
        ours: Counts = Tally()
        for row in calls_of(self.cabinet, self.period, None, by=("day",)):
            ours[row["day"]] += row["calls"]
        self._compare(ours, plain)

    def _walks(self) -> None:
        """The ledger walked to its end: all calls of four weeks, and what a step's link opens."""
        last = timezone.localdate()
        first = last - timedelta(days=WALKED_DAYS - 1)
        period = read.Period(first, last, self.period.zone)
        span = {"since": period.start, "until": period.end}
        every = Call.objects.filter(
            cabinet=self.cabinet, partition_at__gte=period.start, partition_at__lt=period.end
        )
        sent = {"state": ",".join(WITH_METRIKA.states), "stage": WITH_METRIKA.stage}
        busiest = self.owner.counters[0].pk
        walks: list[tuple[Mapping[str, Any], int]] = [
            ({}, every.count()),
            (sent, _count(_SENT_CALLS, span | {"counters": self._counters})),
            (sent | {"counter": busiest}, _count(_SENT_CALLS, span | {"counters": [busiest]})),
        ]
        for number, (chosen, plain) in enumerate(walks):
            found = self._walked(CallFilters(first_day=first, last_day=last, **chosen))
            self._compare(Tally({number: found}), Tally({number: plain}))

    def _walked(self, filters: CallFilters) -> int:
        """Return how many different calls all steps of the ledger have."""
        found: set[int] = set()
        after: Place | None = None
        while True:
            step = next_calls(self.cabinet, filters, after, most=STEP, now=self.now)
            found.update(one.call_id for one in step.places)
            if step.next is None:
                return len(found)
            after = step.next

    def _summed(self) -> list[dict[str, Any]]:
        by = ("counter_id", "channel", "day", "shown", "reason")
        return read.deliveries(self.cabinet, self.period, by=by, now=self.now)

    @property
    def _counters(self) -> list[int]:
        return [one.pk for one in self.owner.counters]


def _by_day(found: list[dict[str, Any]], rows: Rows) -> Counts:
    counts: Counts = Tally()
    for one in found:
        if rows.has(one["shown"], one["reason"]):
            counts[one["counter_id"], one["channel"], one["day"]] += one["deliveries"]
    return counts


def _count(statement: str, values: dict[str, Any]) -> int:
    return int(_fetched(statement, values)[0][0])


def _fetched(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
