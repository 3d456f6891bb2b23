"""Takes calls in: stores each once, renews what changed, and decides in the same transaction.

A constant number of statements whatever the number of calls. Two requests with the same call meet
at the unique key of `CallKey`: the second waits for the first and then finds the call there. Keys
and rows are locked in the order of the external ids, so rivals cannot deadlock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Literal

from django.db import connection, transaction

from cabinets.models import CallSource
from calls.decision import decide
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.models import Call

Status = Literal["created", "updated", "duplicate", "rejected"]
RECORD_COLUMNS = tuple(field.name for field in fields(CallRecord))

_INSERT_KEYS = """
INSERT INTO calls_callkey (cabinet_id, external_id, partition_at)
SELECT %(cabinet_id)s, new.external_id, new.partition_at
FROM unnest(%(external_ids)s::text[], %(starts)s::timestamptz[]) AS new(external_id, partition_at)
ORDER BY new.external_id COLLATE "C"
ON CONFLICT (cabinet_id, external_id) DO NOTHING
RETURNING external_id, id
"""

# A call whose month was dropped keeps its key for ever: found without a hash.
_LOCK_KNOWN = """
WITH known AS MATERIALIZED (
    SELECT id, external_id, partition_at FROM calls_callkey
    WHERE cabinet_id = %(cabinet_id)s AND external_id = ANY (%(external_ids)s)
), locked AS (
    SELECT call.id, call.content_hash, call.is_finished
    FROM known
    JOIN calls_call call ON call.id = known.id AND call.partition_at = known.partition_at
    ORDER BY known.external_id COLLATE "C"
    FOR UPDATE OF call
)
SELECT known.external_id, known.id, known.partition_at, locked.content_hash, locked.is_finished
FROM known LEFT JOIN locked USING (id)
"""


@dataclass(frozen=True)
class Result:
    """What became of one record of a request; ``call_id`` is None for a rejected one."""

    index: int
    external_id: str
    status: Status
    call_id: int | None = None
    error: BadRecord | None = None


@dataclass
class _Standing:
    """A call of this request: what the database has of it and what it shall have."""

    call_id: int
    partition_at: datetime
    content_hash: str | None
    is_finished: bool
    is_new: bool = False
    latest: CallRecord | None = None
    versions: int = 0

    def take(self, record: CallRecord) -> Status:
        """Let the record renew the call, and say what it did.

        Word of an unfinished call that comes after its outcome is old news and changes nothing.
        """
        known_as_it_is = record.content_hash == self.content_hash
        is_old_news = self.is_finished and not record.is_finished
        is_gone = self.content_hash is None and not self.is_new
        if known_as_it_is or is_old_news or is_gone:
            return "duplicate"
        status: Status = "updated" if self.content_hash is not None else "created"
        self.content_hash, self.is_finished = record.content_hash, record.is_finished
        self.latest = record
        self.versions += 1
        return status


@transaction.atomic
def store_calls(
    *, source: CallSource, records: Sequence[CallRecord | BadRecord], now: datetime
) -> list[Result]:
    """Store the calls of one request into the source's cabinet and decide their deliveries.

    All or nothing; one result per record, in order. Of two records of the same call in one
    request the later one wins, as an update.
    """
    good = [record for record in records if isinstance(record, CallRecord)]
    standings = _find_or_claim(source.cabinet_id, good)
    results = [_result(index, record, standings) for index, record in enumerate(records)]
    changed = [standing for standing in standings.values() if standing.latest is not None]
    _insert([one for one in changed if one.is_new], source=source, now=now)
    _update([one for one in changed if not one.is_new], source=source, now=now)
    decide.decide([one.call_id for one in changed], now=now)
    return results


def _result(index: int, record: CallRecord | BadRecord, standings: dict[str, _Standing]) -> Result:
    if isinstance(record, BadRecord):
        return Result(index, record.external_id, "rejected", error=record)
    standing = standings[record.external_id]
    return Result(index, record.external_id, standing.take(record), standing.call_id)


def _find_or_claim(cabinet_id: int, records: Sequence[CallRecord]) -> dict[str, _Standing]:
    """Return each call's standing by external id, new keys inserted and known calls locked."""
    starts: dict[str, datetime] = {}
    for record in records:
        starts.setdefault(record.external_id, record.started_at)
    if not starts:
        return {}
    standings = {
        external_id: _Standing(call_id, starts[external_id], None, False, is_new=True)
        for external_id, call_id in _rows(
            _INSERT_KEYS,
            cabinet_id=cabinet_id,
            external_ids=list(starts),
            starts=list(starts.values()),
        )
    }
    known = sorted(starts.keys() - standings.keys())
    if known:
        found = _rows(_LOCK_KNOWN, cabinet_id=cabinet_id, external_ids=known)
        standings |= {
            external_id: _Standing(call_id, partition_at, content_hash, bool(is_finished))
            for external_id, call_id, partition_at, content_hash, is_finished in found
        }
    return standings


def _insert(standings: Sequence[_Standing], *, source: CallSource, now: datetime) -> None:
    if not standings:
        return
    columns = (*RECORD_COLUMNS, "id", "partition_at", "revision")
    _execute(
        f"""INSERT INTO calls_call (cabinet_id, source_id, received_at, updated_at,
                                    {", ".join(columns)})
            SELECT %(cabinet_id)s, %(source_id)s, %(now)s, %(now)s, {", ".join(columns)}
            FROM json_to_recordset(%(rows)s::json) AS new({_typed(columns)})""",
        rows=_as_json(standings),
        cabinet_id=source.cabinet_id,
        source_id=source.pk,
        now=now,
    )


def _update(standings: Sequence[_Standing], *, source: CallSource, now: datetime) -> None:
    """Renew the calls; the month a call is filed under and its first arrival stay."""
    if not standings:
        return
    columns = (*RECORD_COLUMNS, "id", "partition_at", "revision")
    assignments = ", ".join(f"{column} = new.{column}" for column in RECORD_COLUMNS)
    _execute(
        f"""UPDATE calls_call AS call
            SET {assignments}, source_id = %(source_id)s, updated_at = %(now)s,
                revision = call.revision + new.revision
            FROM json_to_recordset(%(rows)s::json) AS new({_typed(columns)})
            WHERE call.id = new.id AND call.partition_at = new.partition_at""",
        rows=_as_json(standings),
        source_id=source.pk,
        now=now,
    )


def _as_json(standings: Sequence[_Standing]) -> str:
    """Write the rows of a recordset; `revision` says how many versions this request brought."""
    rows = [
        {column: getattr(one.latest, column) for column in RECORD_COLUMNS}
        | {"id": one.call_id, "partition_at": one.partition_at, "revision": one.versions}
        for one in standings
    ]
    return json.dumps(rows, ensure_ascii=False, default=datetime.isoformat)


@cache
def _typed(columns: tuple[str, ...]) -> str:
    """Return the columns with their types, as the model has them."""
    types = {field.column: field.db_type(connection) for field in Call._meta.concrete_fields}
    return ", ".join(f"{column} {types[column]}" for column in columns)


def _execute(statement: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _rows(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
