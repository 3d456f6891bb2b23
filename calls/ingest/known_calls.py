"""Finds the calls of a request that are known, locks them, and gives keys to the new ones.

A call is known by its external id, else by a weaker id under which it was stored before a stronger
one came. Its key stays. Requests that share an id wait for each other before they look anything up,
so none misses a call that the other one is storing, and locks of keys and rows cannot deadlock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from django.db import connection

from calls.ingest.call_state import CallState
from calls.ingest.conflicts import RAW_FIELDS, Identity
from calls.ingest.kept_values import KeptValues
from calls.ingest.parsing.record import CallRecord

#: Ids of a cabinet share so many locks: a request with many calls must not fill the lock table.
LOCKS = 128

_LOCK_IDS = """
SELECT pg_advisory_xact_lock(%(cabinet_id)s, number) FROM unnest(%(numbers)s::int[]) AS number
"""

# The key of a call outlives its row, whose month may be dropped: then the hash is NULL.
_LOCK_KNOWN = """
WITH known AS MATERIALIZED (
    SELECT key.id, key.external_id, key.partition_at FROM calls_callkey key
    WHERE key.cabinet_id = %(cabinet_id)s AND key.external_id = ANY(%(ids)s)
), locked AS (
    SELECT call.id, call.content_hash, call.started_at, call.is_finished, call.phone,
           call.phone_text, call.client_id, call.yclid, call.user_id,
           call.unreadable_identifiers, call.raw
    FROM known JOIN calls_call call
         ON call.id = known.id AND call.partition_at = known.partition_at
    ORDER BY known.external_id COLLATE "C"
    FOR UPDATE OF call
)
SELECT known.external_id, known.id, known.partition_at, locked.content_hash,
       json_build_object('client_id', coalesce(locked.client_id, ''),
                         'yclid', coalesce(locked.yclid, ''),
                         'user_id', coalesce(locked.user_id, ''),
                         'unreadable', coalesce(locked.unreadable_identifiers, '{}'),
                         'phone', coalesce(locked.phone, ''))::text,
       coalesce(locked.started_at, known.partition_at), coalesce(locked.is_finished, false),
       coalesce(locked.phone, ''), coalesce(locked.phone_text, ''),
       coalesce(locked.client_id, ''),
       (SELECT jsonb_object_agg(name, locked.raw -> name)::text
        FROM unnest(%(fields)s) AS name WHERE locked.raw ? name)
FROM known LEFT JOIN locked USING (id)
"""

_INSERT_KEYS = """
INSERT INTO calls_callkey (cabinet_id, external_id, partition_at)
SELECT %(cabinet_id)s, new.external_id, new.partition_at
FROM unnest(%(ids)s::text[], %(starts)s::timestamptz[]) AS new(external_id, partition_at)
ORDER BY new.external_id COLLATE "C"
ON CONFLICT (cabinet_id, external_id) DO NOTHING
RETURNING external_id, id
"""


def lock_calls(cabinet_id: int, records: Sequence[CallRecord]) -> dict[str, CallState]:
    """Lock known calls and insert the keys of new ones, within the current transaction.

    Return the state of each call by the external ids of its records.
    """
    if not records:
        return {}
    ids = {one_id for one in records for one_id in (one.external_id, *one.aliases)}
    _rows(_LOCK_IDS, cabinet_id=cabinet_id, numbers=sorted({_lock_number(one) for one in ids}))
    states = _resolve(records, _known(cabinet_id, ids))
    new = {one.external_id: one for one in states.values() if one.is_new}
    if stored := _insert_keys(cabinet_id, new):
        return {sent: stored.get(one.external_id, one) for sent, one in states.items()}
    return states


def _resolve(records: Iterable[CallRecord], known: dict[str, CallState]) -> dict[str, CallState]:
    """Return the state of each record by its external id; of a call that is not known a new one."""
    states = dict(known)
    for record in records:
        if record.external_id not in states:
            states[record.external_id] = _known_by_alias(record, states) or _new_state(record)
    return states


def _known_by_alias(record: CallRecord, states: dict[str, CallState]) -> CallState | None:
    sent = Identity.of_record(record)
    for state in (states[alias] for alias in record.aliases if alias in states):
        if state.identity.is_alias_of(sent):
            state.identity = replace(state.identity, ids={**sent.ids, **state.identity.ids})
            return state
    return None


def _new_state(record: CallRecord) -> CallState:
    identity = Identity.of_record(record)
    return CallState(0, record.external_id, record.started_at, identity, is_new=True)


def _known(cabinet_id: int, ids: Iterable[str]) -> dict[str, CallState]:
    """Lock the rows of the calls that are stored under the ids; return their states by id."""
    rows = _rows(_LOCK_KNOWN, cabinet_id=cabinet_id, ids=sorted(ids), fields=list(RAW_FIELDS))
    states = {}
    for external_id, call_id, partition_at, content_hash, kept, *facts in rows:
        facts[-1] = json.loads(facts[-1] or "{}")
        states[external_id] = CallState(
            call_id,
            external_id,
            partition_at,
            Identity.of(*facts),
            content_hash,
            kept=KeptValues(**json.loads(kept)),
        )
    return states


def _insert_keys(cabinet_id: int, new: dict[str, CallState]) -> dict[str, CallState]:
    """Insert the keys of new calls; return the states of those that turn out to be known.

    Only a process of an earlier version, which takes no locks of ids, can have stored them.
    """
    if not new:
        return {}
    starts = [one.partition_at for one in new.values()]
    rows = _rows(_INSERT_KEYS, cabinet_id=cabinet_id, ids=list(new), starts=starts)
    for external_id, call_id in rows:
        new[external_id].call_id = call_id
    missed = new.keys() - {external_id for external_id, _call_id in rows}
    return _known(cabinet_id, missed) if missed else {}


def _lock_number(external_id: str) -> int:
    return int.from_bytes(blake2b(external_id.encode(), digest_size=2).digest()) % LOCKS


def _rows(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
