"""Finds the next calls of the ledger that pass its filters, reading a bounded number of rows.

Calls are looked through in their order by an index: those of the cabinet, or the rows of the one
counter or upload that is chosen. `SCANNED` of them are looked through for a page. Of a state or a
reason the `NEAREST` are; when these are no page, it is looked up by the indexes that hold it
(`calls.queries.candidates`), if it is rare. What no index holds comes on a later page. The rows of
an upload are few enough to be looked through at once (`UPLOAD_MAX_ROWS`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from cabinets.models import Cabinet
from calls.models import Call, Delivery
from calls.queries import candidates
from calls.queries.candidates import Candidates
from calls.queries.history import in_days
from calls.queries.ledger_days import CORRECTED_BY, starts_of_days
from calls.queries.ledger_filters import CallFilters, of_calls, passing
from calls.states import Channel

#: So many calls, or rows of a counter, are looked through for a page.
SCANNED = 2000
#: So many of them before a rare state or reason is looked up.
NEAREST = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: No call is later; some days more are a date as well.
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
#: Columns that are not read for a list.
_LONG = ("raw", "page_url", "conflict", "unreadable_identifiers")


@dataclass(frozen=True)
class Place:
    """The place of a call in the order of the ledger: what comes after it is older."""

    at: datetime
    call_id: int
    #: `Call.partition_at`, of a call that was found.
    month: datetime | None = field(default=None, compare=False)

    @property
    def cursor(self) -> str:
        """The place as a parameter of an address."""
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}.{self.call_id}"

    @classmethod
    def of(cls, cursor: str) -> Place | None:
        """Return the place of a cursor; None when it is invalid."""
        try:
            microseconds, call_id = map(int, cursor.split("."))
            at = _EPOCH + timedelta(microseconds=microseconds)
        except (ValueError, OverflowError):
            return None
        return cls(at, call_id) if at < _LAST else None


@dataclass(frozen=True)
class Found:
    """Calls in the order of the ledger, and the place after which to go on; None at the end."""

    places: list[Place]
    next: Place | None


def next_calls(
    cabinet: Cabinet, filters: CallFilters, after: Place | None, *, most: int, now: datetime
) -> Found:
    """Return up to ``most`` calls after the place. Ten queries at most."""
    walk = _Walk(cabinet, filters, after, now)
    if filters.call_ids is not None:
        return _whole(walk.searched(filters.call_ids, most), most)
    if filters.state or filters.reason or filters.upload:
        found, end = walk.scan(most, NEAREST)
        if len(found) > most or end is None:
            return _whole(found, most)
        rare = walk.rare(most)
        if rare is not None:
            return _whole(rare, most)
    found, end = walk.scan(most, SCANNED)
    return _whole(found, most) if len(found) > most or end is None else Found(found, end)


def is_longer_than(most: int, cabinet: Cabinet, filters: CallFilters, *, now: datetime) -> bool:
    """Whether more than ``most`` calls or rows have to be looked through for all that pass."""
    if filters.call_ids is not None:
        return False
    walk = _Walk(cabinet, filters, None, now)
    return walk.every().order_by()[: most + 1].count() > most


def newest(
    cabinet: Cabinet, filters: CallFilters, upto: Place | None, *, now: datetime
) -> Place | None:
    """Return the newest of SCANNED calls that passes; ``upto``: from this call on."""
    after = Place(upto.at, upto.call_id + 1) if upto else None
    found, _end = _Walk(cabinet, filters, after, now).scan(1, SCANNED)
    return found[0] if found else None


def ends(
    cabinet: Cabinet, filters: CallFilters, *, now: datetime
) -> tuple[datetime, datetime] | None:
    """Return the times of the latest and the earliest call to be looked through; None of none."""
    every = _Walk(cabinet, filters, None, now).every()
    times = every.values_list(filters.order_column, flat=True)
    newest, oldest = times.first(), times.last()
    return (newest, oldest) if newest is not None and oldest is not None else None


def _whole(places: list[Place], most: int) -> Found:
    """Return the page of places that go on to the end, or beyond the page."""
    return Found(places[:most], places[most - 1] if len(places) > most else None)


@dataclass(frozen=True)
class _Walk:
    """The calls of a cabinet after a place, as far as they pass the filters."""

    cabinet: Cabinet
    filters: CallFilters
    after: Place | None
    now: datetime

    def scan(self, most: int, scanned: int) -> tuple[list[Place], Place | None]:
        """Return up to ``most`` + 1 of the next ``scanned`` calls, and where those end, or None."""
        if self.filters.is_read_by_rows:
            return self._scan_rows(most, scanned)
        calls = self.every()
        if not (self.filters.is_of_calls or self._asks_rows):
            return self._places(calls[: most + 1]), None
        found = self._read(
            calls[:scanned], self._with_rows(Call.objects.filter(of_calls(self.filters))), most + 1
        )
        end = None if len(found) > most else self._end(calls[scanned - 1 : scanned])
        return found, end

    def _scan_rows(self, most: int, scanned: int) -> tuple[list[Place], Place | None]:
        rows = self.every()
        fitting = passing(Delivery.objects.all(), self.filters, self.now)
        if self.filters.is_of_calls:
            of_row = Call.objects.filter(
                of_calls(self.filters),
                pk=OuterRef("call_id"),
                partition_at=OuterRef("partition_at"),
            )
            fitting = fitting.alias(passes=Subquery(of_row.values("pk")[:1]))
            fitting = fitting.filter(passes__isnull=False)
        # The rows of a call are next to each other.
        found = self._read(rows[:scanned], fitting, len(Channel) * most + 1, key="call_id")
        calls = list(dict.fromkeys(found))
        if len(calls) > most:
            return calls, None
        end = self._end(rows[scanned - 1 : scanned], key="call_id")
        if end is None:
            return calls, None
        # The other row of the last call is perhaps not read: that call comes next.
        return [one for one in calls if one != end], Place(end.at, end.call_id + 1)

    def every(self) -> QuerySet[Any]:
        """Return the calls, or rows of the chosen upload or counter, that are looked through."""
        if self.filters.upload:
            return self._ordered(
                Delivery.objects.filter(upload_id=self.filters.upload), key="call_id"
            )
        if self.filters.counter:
            return self._ordered(
                Delivery.objects.filter(counter_id=self.filters.counter), key="call_id"
            )
        return self._ordered(Call.objects.filter(cabinet=self.cabinet))

    def searched(self, ids: list[int], most: int) -> list[Place]:
        """Return up to ``most`` + 1 of these calls."""
        calls = self._ordered(Call.objects.filter(cabinet=self.cabinet, pk__in=ids))
        calls = self._with_rows(calls.filter(of_calls(self.filters)))
        return self._places(calls[: most + 1])

    def rare(self, most: int) -> list[Place] | None:
        """Return up to ``most`` + 1 calls by the indexes of states; None when they are not few."""
        likely = self._candidates()
        if likely is None or not likely.is_few:
            return None
        rows = passing(
            Delivery.objects.filter(self._scope, likely.condition), self.filters, self.now
        )
        if self.after is not None:
            rows = rows.filter(partition_at__lte=self.after.at + CORRECTED_BY)
        keys = sorted(set(rows.order_by().values_list("partition_at", "call_id")), reverse=True)
        found = self._of_keys(keys[:NEAREST], most)
        if len(found) > most:
            # A start is corrected by so much at most: no other call comes before the last.
            since = found[most].at - CORRECTED_BY
            keys = [one for one in keys if one[0] >= since]
        return found if len(keys) <= NEAREST else self._of_keys(keys, most)

    def _of_keys(self, keys: list[tuple[datetime, int]], most: int) -> list[Place]:
        """Return up to ``most`` + 1 of the calls with rows of these keys; newest key first."""
        if not keys:
            return []
        # One parameter: many take longer to parse than to find.
        ids = RawSQL("SELECT unnest(%s::bigint[])", [[call for _at, call in keys]])
        calls = Call.objects.filter(
            of_calls(self.filters),
            cabinet=self.cabinet,
            pk__in=ids,
            partition_at__range=(keys[-1][0], keys[0][0]),
        )
        return self._places(self._ordered(calls)[: most + 1])

    def _candidates(self) -> Candidates | None:
        if self.filters.upload:
            return Candidates(Q(upload_id=self.filters.upload), is_few=True)
        since, found = self.filters.first_day, None
        if self.filters.states and not self.filters.is_any_state:
            states = sorted(self.filters.states)
            found = candidates.of_states(self._scope, states, since=since, now=self.now)
        if self.filters.reason:
            of_reason = candidates.of_reason(self._scope, self.filters.reason, since=since)
            found = of_reason if found is None else found & of_reason
        return found

    @cached_property
    def _scope(self) -> Q:
        if self.filters.counter:
            return Q(counter_id=self.filters.counter)
        return Q(counter_id__in=list(self.cabinet.counters.values_list("pk", flat=True)))

    @cached_property
    def _starts(self) -> Q:
        return starts_of_days(self.cabinet, self.filters.first_day, self.filters.last_day)

    @property
    def _asks_rows(self) -> bool:
        return self.filters.is_of_rows or self.filters.without_counter

    def _with_rows(self, calls: QuerySet[Call]) -> QuerySet[Call]:
        """Return those of the calls that have a row that passes, or none when that is asked."""
        if not self._asks_rows:
            return calls
        rows = Delivery.objects.filter(
            call_id=OuterRef("pk"), partition_at=OuterRef("partition_at")
        )
        # A value and not EXISTS, which PostgreSQL may turn into a join that reads all rows.
        row = Subquery(passing(rows, self.filters, self.now).values("call_id")[:1])
        return calls.alias(row=row).filter(row__isnull=self.filters.without_counter)

    def _ordered(self, found: QuerySet[Any], *, key: str = "pk") -> QuerySet[Any]:
        """Return what comes after the place, of the chosen days, newest first."""
        at, filters = self.filters.order_column, self.filters
        # A day is that of the start with which the call came, as in all counts.
        found = found.filter(in_days("partition_at", filters.first_day, filters.last_day))
        if at == "started_at":
            found = found.filter(self._starts)
        if self.after is not None:
            earlier = Q(**{f"{at}__lt": self.after.at}) | Q(**{f"{key}__lt": self.after.call_id})
            found = found.filter(earlier, **{f"{at}__lte": self.after.at})
        return found.order_by(f"-{at}", f"-{key}")

    def _places(self, found: QuerySet[Any], *, key: str = "pk") -> list[Place]:
        columns = (self.filters.order_column, key, "partition_at")
        return [Place(*values) for values in found.values_list(*columns)]

    def _end(self, found: QuerySet[Any], *, key: str = "pk") -> Place | None:
        """Return the only place; None of none. Its month is not read, which no index holds."""
        place = found.values_list(self.filters.order_column, key).first()
        return Place(*place) if place else None

    def _read(
        self, scanned: QuerySet[Any], fitting: QuerySet[Any], most: int, *, key: str = "pk"
    ) -> list[Place]:
        """Return the first ``most`` that are fitting among those that are scanned.

        One statement, which stops at the last of them: it reads ``scanned`` under the name of their
        table.
        """
        at = self.filters.order_column
        columns = [one.attname for one in scanned.model._meta.concrete_fields]
        read = scanned.values_list(*(name for name in columns if name not in _LONG))
        wanted = fitting.order_by(f"-{at}", f"-{key}").values_list(at, key, "partition_at")[:most]
        inner, values = read.query.sql_with_params()
        outer, more = wanted.query.sql_with_params()
        table = scanned.model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(f'WITH "{table}" AS ({inner}) {outer}', [*values, *more])
            return [Place(*row) for row in cursor.fetchall()]
