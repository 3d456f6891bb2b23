"""When the visits began that rows are linked to, in memory that is bounded whatever their number.

The wanted visits are numbers in an array, 16 bytes each with their earliest moment. More than
MOST_VISITS are looked for one after the other, each time through the whole part.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from calls.proof.claims import Claim
from calls.proof.fields import HitReader

ToUtc = Callable[[datetime], datetime]

#: Visits that are looked for at once.
MOST_VISITS = 1_000_000
#: Rows that are read and recorded at once.
BATCH = 5_000
#: Numbers of visits have 64 bits.
_END_OF_NUMBERS = 1 << 64
# Moments are compared as numbers: 2026-11-12 11:57:10 is 20261112115710.
_NO_DIGITS, _DIGITS = b"-: T", 14

_VISITS = """
SELECT DISTINCT p.visit_id::numeric AS visit FROM calls_logsentrow s
JOIN calls_linkproof p ON p.upload_id = s.upload_id AND p.row_number = s.row_number
WHERE s.request_id = %(request)s AND p.visit_id <> ''
  AND p.visit_id::numeric >= %(since)s AND p.visit_id::numeric < %(end)s
ORDER BY visit LIMIT %(most)s
"""
_ROWS = """
SELECT s.upload_id, s.row_number, p.visit_id FROM calls_logsentrow s
JOIN calls_linkproof p ON p.upload_id = s.upload_id AND p.row_number = s.row_number
WHERE s.request_id = %s AND p.visit_id <> ''
"""
# Each row by its key: the planner would rather read all proofs for every batch.
_BY_KEY = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
_RECORD = """
UPDATE calls_linkproof p SET visit_at = least(p.visit_at, w.at)
FROM unnest(%(uploads)s::bigint[], %(rows)s::int[], %(visits)s::text[], %(moments)s::timestamptz[])
    AS w(upload_id, row_number, visit, at)
WHERE p.upload_id = w.upload_id AND p.row_number = w.row_number AND p.visit_id = w.visit
  AND (p.visit_at IS NULL OR p.visit_at > w.at)
"""


class Beginnings:
    """The earliest moment that was seen of each of these visits; they are given in order."""

    def __init__(self, visits: Iterator[int]) -> None:
        self._visits = array("Q", visits)
        self._moments = array("Q", bytes(8 * len(self._visits)))
        #: Whether any of them was seen.
        self.is_seen = False

    def __len__(self) -> int:
        return len(self._visits)

    @property
    def last(self) -> int:
        """The greatest number of a visit; -1 without any."""
        return self._visits[-1] if self._visits else -1

    def see_all(self, blocks: Iterator[bytes], reader: HitReader) -> None:
        """Take the moments of a part."""
        for block in blocks:
            for visit, moment in reader.visits(block):
                self.see(visit, moment)

    def see(self, visit: bytes, moment: bytes) -> None:
        """Take a moment of a visit, if it is one of these and the moment is its earliest."""
        place = self._place_of(int(visit))
        if place is None:
            return
        at = int(moment.translate(None, _NO_DIGITS)[:_DIGITS])
        if not self._moments[place] or at < self._moments[place]:
            self._moments[place] = at
            self.is_seen = True

    def of(self, visit: str) -> datetime | None:
        """Return the earliest moment as the logs have it; None when the visit was not seen."""
        place = self._place_of(int(visit))
        at = self._moments[place] if place is not None else 0
        return datetime.strptime(str(at), "%Y%m%d%H%M%S") if at else None  # noqa: DTZ007

    def _place_of(self, visit: int) -> int | None:
        place = bisect_left(self._visits, visit)
        is_there = place < len(self._visits) and self._visits[place] == visit
        return place if is_there else None


def wanted_after(request_id: int, last: int) -> Beginnings:
    """Return the next visits of the request's rows with greater numbers; empty at the end."""
    values = {
        "request": request_id,
        "since": last + 1,
        "end": _END_OF_NUMBERS,
        "most": MOST_VISITS,
    }
    return Beginnings(int(visit) for rows in _chunks(_VISITS, values) for (visit,) in rows)


def record(claim: Claim, found: Beginnings, utc: ToUtc) -> None:
    """Record the moments of the rows' visits, some rows at a time. Raises claims.Lost.

    ``utc`` makes a moment of the logs one with a time zone. May be repeated.
    """
    if not found.is_seen:
        return
    for rows in _chunks(_ROWS, [claim.request.pk]):
        begun = [(*row, utc(at)) for row in rows if (at := found.of(row[2])) is not None]
        with transaction.atomic():
            claim.renew()
            _record_some(begun)


def _record_some(begun: list[tuple[Any, ...]]) -> None:
    if not begun:
        return
    columns = map(list, zip(*begun, strict=True))
    names = ("uploads", "rows", "visits", "moments")
    with connection.cursor() as cursor:
        cursor.execute(_BY_KEY)
        cursor.execute(_RECORD, dict(zip(names, columns, strict=True)))


def _chunks(sql: str, values: Any) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a query, read from a cursor of the server: they are never all here."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, values)
        while rows := cursor.fetchmany(BATCH):
            yield rows
