"""Visits of sites, and which one a row is linked to: the truth that the product cannot see.

https://yandex.com/dev/metrika/en/management/conversion: by ClientID or UserID the visit that
preceded the call, by yclid the visit whose source is that click; no more than 21 days back from the
moment the file is processed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from .messages import Json
from .rows import HORIZON_SECONDS, CheckedFile, Row
from .storage import Store

COLUMNS = {"CLIENT_ID": "client_id", "YCLID": "yclid", "USER_ID": "user_id"}
#: An exported number: the stored one and this. More than 63 bits, as an unsigned number may have.
FIRST_VISIT_ID = 10_000_000_000_000_000_000
#: Numbers of visits that are not stored: those of counters without known visits.
UNKNOWN_VISIT = 500_000_000_000
ASKED_AT_ONCE = 500


class Visits:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, counter: int, visits: Iterable[Json], *, are_all: bool = True) -> int:
        """Store visits, each with a hit at its start; from now on they decide what is linked.

        Unless they ``are_all``, they decide for their visitors only.
        """
        values = [
            (
                counter,
                *(str(visit.get(name) or "") for name in COLUMNS.values()),
                int(visit["started_at"]),
            )
            for visit in visits
        ]
        with self._store.transaction() as db:
            if are_all:
                db.execute("INSERT OR IGNORE INTO truths VALUES (?)", (counter,))
            last = db.execute("SELECT coalesce(max(id), 0) FROM visits").fetchone()[0]
            db.executemany("INSERT INTO visits VALUES (NULL, ?, ?, ?, ?, ?)", values)
            db.execute(
                "INSERT INTO hits SELECT NULL, counter_id, started_at, client_id, id FROM visits"
                " WHERE id > ?",
                (last,),
            )
        return len(values)

    def is_known(self, counter: int) -> bool:
        """Whether all visits of the counter are known."""
        found = self._store.one("SELECT 1 FROM truths WHERE counter_id = ?", counter)
        return found is not None

    def of_rows(self, counter: int, file: CheckedFile, now: float) -> list[int | None]:
        """Return the visit that each row is linked to, None for no visit."""
        column = COLUMNS.get(file.client_id_type, "client_id")
        found = self._by_identifier(counter, column, {row.identifier for row in file.rows})
        by_rule = not self.is_known(counter)
        return [_visit_of(row, found.get(row.identifier), now, by_rule) for row in file.rows]

    def _by_identifier(
        self, counter: int, column: str, identifiers: set[str]
    ) -> dict[str, list[tuple[int, int]]]:
        """Return the start and number of the visits of each visitor, the earliest first."""
        visits: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        asked = sorted(identifiers - {""})
        for first in range(0, len(asked), ASKED_AT_ONCE):
            part = asked[first : first + ASKED_AT_ONCE]
            for row in self._store.all(
                f"SELECT {column} AS visitor, started_at, id FROM visits WHERE counter_id = ?"
                f" AND {column} IN ({', '.join('?' * len(part))}) ORDER BY started_at",
                *(counter, *part),
            ):
                visits[row["visitor"]].append((row["started_at"], row["id"]))
        return visits

    def truth(self, counter: int, *, after: int, limit: int) -> list[list[Any]]:
        """List what became of each accepted row after the row ``after``.

        Row, uploading, channel, identifier, moment, number of the visit and its start, or None.
        """
        rows = self._store.all(
            "SELECT rows.id, rows.uploading_id, rows.channel,"
            " coalesce(nullif(json_extract(columns, '$.ClientId'), ''),"
            " nullif(json_extract(columns, '$.Yclid'), ''),"
            " nullif(json_extract(columns, '$.UserId'), ''), ''),"
            " rows.moment, rows.visit, visits.started_at FROM rows NOT INDEXED"
            " LEFT JOIN visits ON visits.id = rows.visit"
            " WHERE rows.counter_id = ? AND rows.id > ? ORDER BY rows.id LIMIT ?",
            *(counter, after, limit),
        )
        return [[*row[:5], visit_number(row[5], row[0]), row[6]] for row in rows]


def visit_number(visit: int | None, row: int) -> str | None:
    """Return the number of the visit that a row is linked to, as logs name it; None without one."""
    if visit is None:
        return None
    return str(FIRST_VISIT_ID + visit + (row if visit == UNKNOWN_VISIT else 0))


def _visit_of(
    row: Row, visits: list[tuple[int, int]] | None, now: float, by_rule: bool
) -> int | None:
    """Return the visit of a row; ``by_rule``: that of a visitor without visits is made up."""
    if visits is None and by_rule:
        return UNKNOWN_VISIT if row.is_linked(now) else None
    return _nearest(visits or [], row, now)


def _nearest(visits: list[tuple[int, int]], row: Row, now: float) -> int | None:
    earlier = [number for start, number in visits if now - HORIZON_SECONDS <= start <= row.moment]
    return earlier[-1] if earlier and not row.is_static else None
