"""Stores calls once, updates changed ones, and decides their deliveries in the same transaction.

The number of statements does not depend on the number of calls. Of two concurrent requests with the
same call, the second waits at the unique key of `CallKey` for the first, and then finds the call.
Keys and rows are locked in the order of the external ids, so that requests cannot deadlock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection, transaction

from cabinets.models import CallSource
from calls.decision import decide
from calls.ingest.call_state import CallState, Status
from calls.ingest.conflicts import Identity, rejection
from calls.ingest.kept_values import KeptValues
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.models import Call

RECORD_COLUMNS = tuple(one.name for one in fields(CallRecord) if one.name != "former_id")

# Nor is a key inserted for a call that earlier versions stored under another derived id.
_INSERT_KEYS = """
INSERT INTO calls_callkey (cabinet_id, external_id, partition_at)
SELECT %(cabinet_id)s, new.external_id, new.partition_at
FROM unnest(%(external_ids)s::text[], %(starts)s::timestamptz[]) AS new(external_id, partition_at)
WHERE NOT EXISTS (
    SELECT FROM unnest(%(ids)s::text[], %(aliases)s::text[]) AS pair(external_id, alias)
    JOIN calls_callkey former ON former.external_id = pair.alias
    WHERE former.cabinet_id = %(cabinet_id)s AND pair.alias <> pair.external_id
      AND pair.external_id = new.external_id)
ORDER BY new.external_id COLLATE "C"
ON CONFLICT (cabinet_id, external_id) DO NOTHING
RETURNING external_id, id
"""

# The key of a call outlives its row, whose month may be dropped: then the hash is NULL.
_LOCK_KNOWN = """
WITH known AS MATERIALIZED (
    SELECT DISTINCT ON (pair.external_id)
           pair.external_id AS sent_id, key.id, key.external_id, key.partition_at
    FROM unnest(%(ids)s::text[], %(aliases)s::text[]) AS pair(external_id, alias)
    JOIN calls_callkey key ON key.cabinet_id = %(cabinet_id)s AND key.external_id = pair.alias
    ORDER BY pair.external_id, pair.alias = pair.external_id DESC, key.id
), locked AS (
    SELECT call.id, call.content_hash, call.started_at, call.is_finished, call.phone,
           call.phone_text, call.client_id, call.yclid, call.user_id, call.unreadable_identifiers
    FROM (SELECT DISTINCT id, external_id, partition_at FROM known) AS stored
    JOIN calls_call call ON call.id = stored.id AND call.partition_at = stored.partition_at
    ORDER BY stored.external_id COLLATE "C"
    FOR UPDATE OF call
)
SELECT known.sent_id, known.external_id, known.id, known.partition_at, locked.content_hash,
       json_build_object('client_id', coalesce(locked.client_id, ''),
                         'yclid', coalesce(locked.yclid, ''),
                         'user_id', coalesce(locked.user_id, ''),
                         'unreadable', coalesce(locked.unreadable_identifiers, '{}'),
                         'phone', coalesce(locked.phone, ''))::text,
       coalesce(locked.started_at, known.partition_at), coalesce(locked.is_finished, false),
       coalesce(locked.phone, ''), coalesce(locked.phone_text, '')
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


@transaction.atomic
def store_calls(
    *, source: CallSource, records: Sequence[CallRecord | BadRecord], now: datetime
) -> list[Result]:
    """Store the calls of one request into the source's cabinet and decide their deliveries.

    All or nothing; one result per record, in order. Of two records of the same call in one
    request the later one wins, as an update. A record of another call under a known id is rejected,
    and the known call is flagged.
    """
    usable = [record for record in records if isinstance(record, CallRecord)]
    states = _lock_calls(source.cabinet_id, usable)
    results = [_result(index, record, states) for index, record in enumerate(records)]
    calls = _once(states.values())
    changed = [one for one in calls if one.latest is not None]
    _insert([one for one in changed if one.is_new], source=source, now=now)
    _update([one for one in changed if not one.is_new], source=source, now=now)
    _flag([one for one in calls if one.conflict is not None], now=now)
    decide.decide([one.call_id for one in changed], now=now)
    return results


def _result(index: int, record: CallRecord | BadRecord, states: dict[str, CallState]) -> Result:
    if isinstance(record, BadRecord):
        return Result(index, record.external_id, "rejected", error=record)
    state = states[record.external_id]
    known, status = state.identity, state.apply(record)
    if status == "rejected":
        error = rejection(record, known, external_id=state.external_id)
        return Result(index, state.external_id, status, error=error)
    return Result(index, state.external_id, status, state.call_id)


def _lock_calls(cabinet_id: int, records: Sequence[CallRecord]) -> dict[str, CallState]:
    """Insert new keys and lock known calls; return each call's state by the external id sent."""
    first = {one.external_id: one for one in reversed(records)}
    if not first:
        return {}
    aliases = _aliases(records)
    states = {
        external_id: _new_state(call_id, first[external_id])
        for external_id, call_id in _rows(
            _INSERT_KEYS,
            cabinet_id=cabinet_id,
            external_ids=list(first),
            starts=[one.started_at for one in first.values()],
            ids=[external_id for external_id, _alias in aliases],
            aliases=[alias for _external_id, alias in aliases],
        )
    }
    known = [pair for pair in aliases if pair[0] not in states]
    return states | _lock_known(cabinet_id, known) if known else states


def _new_state(call_id: int, record: CallRecord) -> CallState:
    return CallState(
        call_id,
        record.external_id,
        record.started_at,
        Identity.of_record(record),
        is_new=True,
    )


def _aliases(records: Sequence[CallRecord]) -> list[tuple[str, str]]:
    """Return each external id with itself, and with the former id of the same call if any."""
    pairs = {(one.external_id, one.external_id) for one in records}
    return sorted(pairs | {(one.external_id, one.former_id) for one in records if one.former_id})


def _lock_known(cabinet_id: int, aliases: Sequence[tuple[str, str]]) -> dict[str, CallState]:
    """Lock the rows of known calls; two external ids of one call share its state."""
    found = _rows(
        _LOCK_KNOWN,
        cabinet_id=cabinet_id,
        ids=[external_id for external_id, _alias in aliases],
        aliases=[alias for _external_id, alias in aliases],
    )
    by_call = {
        call_id: CallState(
            call_id,
            external_id,
            partition_at,
            Identity.of_stored(*facts),
            hashed,
            kept=KeptValues(**json.loads(kept)),
        )
        for _sent_id, external_id, call_id, partition_at, hashed, kept, *facts in found
    }
    return {sent_id: by_call[call_id] for sent_id, _external_id, call_id, *_rest in found}


def _once(states: Iterable[CallState]) -> list[CallState]:
    return list({state.call_id: state for state in states}.values())


def _insert(states: Sequence[CallState], *, source: CallSource, now: datetime) -> None:
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


def _update(states: Sequence[CallState], *, source: CallSource, now: datetime) -> None:
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


def _flag(states: Sequence[CallState], *, now: datetime) -> None:
    """Note on the calls what came under their ids; the same again is no news."""
    if not states:
        return
    rows = [
        {"id": one.call_id, "partition_at": one.partition_at, "conflict": one.conflict.as_stored()}
        for one in states
        if one.conflict is not None
    ]
    _execute(
        """UPDATE calls_call AS call SET conflict_at = %(now)s, conflict = new.conflict
           FROM json_to_recordset(%(rows)s::json)
                AS new(id bigint, partition_at timestamptz, conflict jsonb)
           WHERE call.id = new.id AND call.partition_at = new.partition_at
             AND call.conflict IS DISTINCT FROM new.conflict""",
        rows=json.dumps(rows, ensure_ascii=False, default=datetime.isoformat),
        now=now,
    )


def _as_json(states: Sequence[CallState]) -> str:
    """Return the rows of a recordset; `revision` is the number of versions in this request.

    A call keeps the external id under which it is stored.
    """
    rows = [
        {column: getattr(one.latest, column) for column in RECORD_COLUMNS}
        | {"id": one.call_id, "external_id": one.external_id}
        | {"partition_at": one.partition_at, "revision": one.versions}
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
