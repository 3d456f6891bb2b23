"""The rows of logs: hits of pages and of calls, and visits, as tab-separated values.

https://yandex.com/dev/metrika/en/logs/fields/hits and .../visits. Of the fields of hits of calls
the vendor names the meaning only; their names are those of public clients.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .storage import Store
from .visits import FIRST_VISIT_ID, visit_number

AT_ONCE = 5_000
NO_VISIT = "0"
ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True)
class Period:
    """The days of a request in the counter's time zone, and what had been processed by then."""

    counter: int
    zone: ZoneInfo
    first: int
    end: int
    processed_before: float
    has_static: bool

    @property
    def days(self) -> tuple[int, int, int]:
        return self.counter, self.first, self.end


def period_of(
    counter: sqlite3.Row, first: str, last: str, processed_before: float, *, has_static: bool
) -> Period:
    """Return the period of both days and those between."""
    zone = ZoneInfo(counter["time_zone_name"])
    end = date.fromisoformat(last) + timedelta(days=1)
    return Period(
        counter["id"],
        zone,
        _midnight(date.fromisoformat(first), zone),
        _midnight(end, zone),
        processed_before,
        has_static,
    )


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


@dataclass(frozen=True)
class Record:
    """A hit or a visit. A hit of an uploaded row has its columns, and its uploading's number."""

    number: int
    moment: int
    client_id: str
    visit: str
    uploading: str = ""
    channel: str = ""
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """Where records are stored: ``rows`` are those of a period, with the values ``of`` it."""

    name: str
    columns: str
    rows: str
    of: Callable[[Period], tuple[Any, ...]]
    record: Callable[[sqlite3.Row], Record]


def _page(row: sqlite3.Row) -> Record:
    visit = str(FIRST_VISIT_ID + row["visit"]) if row["visit"] else NO_VISIT
    return Record(row["id"], row["moment"], row["client_id"], visit)


def _call(row: sqlite3.Row) -> Record:
    columns = json.loads(row["columns"])
    visit = visit_number(row["visit"], row["id"]) or NO_VISIT
    visitor = columns.get("ClientId") or row["visitor"] or "0"
    return Record(
        row["id"], row["moment"], visitor, visit, str(row["uploading_id"]), row["channel"], columns
    )


def _visit(row: sqlite3.Row) -> Record:
    number = str(FIRST_VISIT_ID + row["id"])
    return Record(row["id"], row["moment"], row["client_id"], number)


PAGES = Table(
    "hits",
    "id, moment, client_id, visit",
    # Read in the order of their numbers, page by page: an index by time would sort all of them
    # for each page.
    "FROM hits NOT INDEXED WHERE counter_id = ? AND moment >= ? AND moment < ?",
    lambda period: period.days,
    _page,
)
CALLS = Table(
    "rows",
    "rows.id, rows.moment, rows.uploading_id, rows.channel, rows.columns, rows.visit,"
    " visits.client_id AS visitor",
    "FROM rows NOT INDEXED JOIN uploadings ON uploadings.id = rows.uploading_id"
    " LEFT JOIN visits ON visits.id = rows.visit"
    " WHERE rows.counter_id = ? AND rows.moment >= ? AND rows.moment < ?"
    " AND uploadings.created_at <= ?"
    " AND (? OR coalesce(json_extract(rows.columns, '$.StaticCall'), '0') <> '1')",
    lambda period: (*period.days, period.processed_before, period.has_static),
    _call,
)
PLANTED = Table(
    "planted",
    "id, moment, uploading_id, channel, columns, visit, NULL AS visitor",
    "FROM planted WHERE counter_id = ? AND moment >= ? AND moment < ?",
    lambda period: period.days,
    _call,
)
VISITS = Table(
    "visits",
    "id, started_at AS moment, client_id",
    "FROM visits WHERE counter_id = ? AND started_at >= ? AND started_at < ?",
    lambda period: period.days,
    _visit,
)
SOURCES = {"hits": (PAGES, CALLS, PLANTED), "visits": (VISITS,)}


def count(store: Store, source: str, period: Period) -> int:
    """Return how many rows the logs of the period have."""
    return sum(_count(store, table, period) for table in SOURCES[source])


def _count(store: Store, table: Table, period: Period) -> int:
    found = store.one(f"SELECT count(*) AS n {table.rows}", *table.of(period))
    return int(found["n"]) if found else 0


def records(
    store: Store, source: str, period: Period, *, skip: int, most: int
) -> Iterator[list[Record]]:
    """Yield up to ``most`` records after the first ``skip``, a few thousand at a time."""
    for table in SOURCES[source]:
        there = _count(store, table, period)
        if skip >= there:
            skip -= there
            continue
        for found in _of_table(store, table, period, skip, most):
            yield found
            most -= len(found)
        skip = 0
        if not most:
            return


def _of_table(
    store: Store, table: Table, period: Period, skip: int, most: int
) -> Iterator[list[Record]]:
    values, key = table.of(period), f"{table.name}.id"
    last = 0
    if skip:
        at = f"SELECT {key} AS id {table.rows} ORDER BY {key} LIMIT 1 OFFSET ?"
        found = store.one(at, *values, skip - 1)
        last = found["id"] if found else 0
    page = f"SELECT {table.columns} {table.rows} AND {key} > ? ORDER BY {key} LIMIT ?"
    while most:
        rows = store.all(page, *values, last, min(AT_ONCE, most))
        if not rows:
            return
        yield [table.record(row) for row in rows]
        last, most = rows[-1]["id"], most - len(rows)


class Lines:
    """Writes records as lines with these fields."""

    def __init__(
        self, source: str, names: list[str], zone: ZoneInfo, goals: Callable[[Record], list[int]]
    ) -> None:
        self._zone = zone
        self._goals = goals
        self._names = names
        self._fields = [self._writer(source, name) for name in names]

    @property
    def header(self) -> bytes:
        return ("\t".join(self._names) + "\n").encode()

    def of(self, found: list[Record]) -> bytes:
        """Return the lines of these records."""
        fields = self._fields
        return "".join(
            "\t".join([write(record) for write in fields]) + "\n" for record in found
        ).encode()

    def _writer(self, source: str, name: str) -> Callable[[Record], str]:
        # Fields that need the zone or the goals are methods, the others are plain functions.
        own = {"dateTime": self._time, "date": self._day, "goalsID": self._goal_numbers}
        short = name.partition(":")[2].partition(":")[2]
        return own.get(short) or _WRITERS[source][name]

    def _time(self, record: Record) -> str:
        return datetime.fromtimestamp(record.moment, self._zone).strftime("%Y-%m-%d %H:%M:%S")

    def _day(self, record: Record) -> str:
        return self._time(record)[:10]

    def _goal_numbers(self, record: Record) -> str:
        return _array(map(str, self._goals(record))) if record.uploading else "[]"


def _array(values: Any) -> str:
    return "[" + ",".join(values) + "]"


def _escaped(text: str) -> str:
    return text.translate(ESCAPED)


def _number(column: str) -> Callable[[Record], str]:
    return lambda record: record.columns.get(column) or "0"


def _text(column: str) -> Callable[[Record], str]:
    return lambda record: _escaped(record.columns.get(column, ""))


CALL_COLUMNS = {
    "TalkDuration": "TalkDuration",
    "HoldDuration": "HoldDuration",
    "Missed": "CallMissed",
    "FirstTimeCaller": "FirstTimeCaller",
}
_HIT_FIELDS: dict[str, Callable[[Record], str]] = {
    "ym:pv:watchID": lambda record: str(FIRST_VISIT_ID + record.number),
    "ym:pv:visitID": lambda record: record.visit,
    "ym:pv:clientID": lambda record: record.client_id or "0",
    "ym:pv:isPageView": lambda record: "0" if record.uploading else "1",
    "ym:pv:title": lambda record: "",
    "ym:pv:referer": lambda record: "",
    "ym:pv:offlineUploadingID": lambda record: record.uploading,
    "ym:pv:offlineCallTag": _text("Tag"),
    "ym:pv:offlineCallURL": _text("URL"),
    "ym:pv:URL": lambda record: "" if record.uploading else "https://site.example/",
}
_VISIT_FIELDS: dict[str, Callable[[Record], str]] = {
    "ym:s:visitID": lambda record: record.visit,
    "ym:s:clientID": lambda record: record.client_id or "0",
    "ym:s:isNewUser": lambda record: "0",
    "ym:s:pageViews": lambda record: "1",
    "ym:s:visitDuration": lambda record: "0",
}


_WRITERS = {
    "hits": _HIT_FIELDS
    | {f"ym:pv:offlineCall{name}": _number(of) for name, of in CALL_COLUMNS.items()},
    "visits": _VISIT_FIELDS,
}
#: Names of the fields of each source; those of `Lines` itself need the zone or the goals.
FIELDS: dict[str, frozenset[str]] = {
    source: frozenset(writers) | {f"{prefix}{name}" for name in ("dateTime", "date", "goalsID")}
    for (source, writers), prefix in zip(_WRITERS.items(), ("ym:pv:", "ym:s:"), strict=True)
}
