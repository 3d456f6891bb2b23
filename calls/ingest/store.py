"""Stores calls once, updates changed ones, and decides their deliveries in the same transaction.

The number of statements does not depend on the number of calls. Of two concurrent requests with the
same call, the second waits at the unique key of `CallKey` for the first, and then finds the call.
Keys and rows are locked in the order of the external ids, so that requests cannot deadlock.
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

# The key of a call outlives its row, whose month may be dropped: then the hash is NULL.
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
    """The result of one record of a request; ``call_id`` is None for a rejected one."""

    index: int
    external_id: str
    status: Status
    call_id: int | None = None
    error: BadRecord | None = None


@dataclass
class _CallState:
    """A call of this request: its stored state, and the record that replaces it."""

    call_id: int
    partition_at: datetime
    content_hash: str | None
    is_finished: bool
    is_new: bool = False
    latest: CallRecord | None = None
    versions: int = 0

    def apply(self, record: CallRecord) -> Status:
        """Update the call from the record; return the record's status.

        A record of an unfinished call that arrives after the outcome is outdated and changes
        nothing.
        """
        is_unchanged = record.content_hash == self.content_hash
        is_outdated = self.is_finished and not record.is_finished
        is_dropped = self.content_hash is None and not self.is_new
        if is_unchanged or is_outdated or is_dropped:
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
    usable = [record for record in records if isinstance(record, CallRecord)]
    states = _lock_calls(source.cabinet_id, usable)
    results = [_result(index, record, states) for index, record in enumerate(records)]
    changed = [state for state in states.values() if state.latest is not None]
    _insert([one for one in changed if one.is_new], source=source, now=now)
    _update([one for one in changed if not one.is_new], source=source, now=now)
    decide.decide([one.call_id for one in changed], now=now)
    return results


def _result(index: int, record: CallRecord | BadRecord, states: dict[str, _CallState]) -> Result:
    if isinstance(record, BadRecord):
        return Result(index, record.external_id, "rejected", error=record)
    state = states[record.external_id]
    return Result(index, record.external_id, state.apply(record), state.call_id)


def _lock_calls(cabinet_id: int, records: Sequence[CallRecord]) -> dict[str, _CallState]:
    """Insert new keys and lock known calls; return each call's state by external id."""
    starts: dict[str, datetime] = {}
    for record in records:
        starts.setdefault(record.external_id, record.started_at)
    if not starts:
        return {}
    states = {
        external_id: _CallState(call_id, starts[external_id], None, False, is_new=True)
        for external_id, call_id in _rows(
            _INSERT_KEYS,
            cabinet_id=cabinet_id,
            external_ids=list(starts),
            starts=list(starts.values()),
        )
    }
    known = sorted(starts.keys() - states.keys())
    if known:
        found = _rows(_LOCK_KNOWN, cabinet_id=cabinet_id, external_ids=known)
        states |= {
            external_id: _CallState(call_id, partition_at, content_hash, bool(is_finished))
            for external_id, call_id, partition_at, content_hash, is_finished in found
        }
    return states


def _insert(states: Sequence[_CallState], *, source: CallSource, now: datetime) -> None:
    if not states:
        return
    columns = (*RECORD_COLUMNS, "id", "partition_at", "revision")
    _execute(
        f"""INSERT INTO calls_call (cabinet_id, source_id, received_at, updated_at,
                                    {", ".join(columns)})
            SELECT %(cabinet_id)s, %(source_id)s, %(now)s, %(now)s, {", ".join(columns)}
            FROM json_to_recordset(%(rows)s::json) AS new({_typed(columns)})""",
        rows=_as_json(states),
        cabinet_id=source.cabinet_id,
        source_id=source.pk,
        now=now,
    )


def _update(states: Sequence[_CallState], *, source: CallSource, now: datetime) -> None:
    """Update the calls; the partition and the time of first arrival stay."""
    if not states:
        return
    columns = (*RECORD_COLUMNS, "id", "partition_at", "revision")
    assignments = ", ".join(f"{column} = new.{column}" for column in RECORD_COLUMNS)
    _execute(
        f"""UPDATE calls_call AS call
            SET {assignments}, source_id = %(source_id)s, updated_at = %(now)s,
                revision = call.revision + new.revision
            FROM json_to_recordset(%(rows)s::json) AS new({_typed(columns)})
            WHERE call.id = new.id AND call.partition_at = new.partition_at""",
        rows=_as_json(states),
        source_id=source.pk,
        now=now,
    )


def _as_json(states: Sequence[_CallState]) -> str:
    """Return the rows of a recordset; `revision` is the number of versions in this request."""
    rows = [
        {column: getattr(one.latest, column) for column in RECORD_COLUMNS}
        | {"id": one.call_id, "partition_at": one.partition_at, "revision": one.versions}
        for one in states
    ]
    return json.dumps(rows, ensure_ascii=False, default=datetime.isoformat)


@cache
def _typed(columns: tuple[str, ...]) -> str:
    """Return the columns with their SQL types, as the model defines them."""
    types = {field.column: field.db_type(connection) for field in Call._meta.concrete_fields}
    return ", ".join(f"{column} {types[column]}" for column in columns)


def _execute(statement: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _rows(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
