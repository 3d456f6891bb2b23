"""Finds the calls of a request that are known, locks them, and gives keys to the new ones.

A call is known by its external id, else by a weaker id under which it was stored before a stronger
one came. Its key stays. Requests that share an id wait for each other before they look anything up,
so none misses a call that the other one is storing, and locks of keys and rows cannot deadlock.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from django.db import connection

from calls.decision.attempts import ORDER_LOCK
from calls.decision.locks import UNCONFIGURED_COUNTERS
from calls.ingest.call_state import CallState
from calls.ingest.conflicts import RAW_FIELDS, Identity
from calls.ingest.kept_values import KeptValues
from calls.ingest.parsing.record import CallRecord
from calls.runtime.prepared import AS_BEFORE_SQL, Prepared, rows_of_last
from calls.states import HoldBack

#: Ids of a cabinet share so many locks: a request with many calls must not fill the lock table.
LOCKS = 128
#: So many ids need all locks, or all but one.
MANY_IDS = 8 * LOCKS

_ORDER_KEY = ORDER_LOCK.format(cabinet_id="%(cabinet_id)s", order_key="order_key")

# Locks of ids, then of callback orders: attempts of one order judge each other, and two that are
# stored at the same time would not see each other.
_TAKE_LOCKS = Prepared(
    "take_locks",
    f"""
WITH ids AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(%(cabinet_id)s, number) FROM unnest(%(numbers)s) AS number
), first AS MATERIALIZED (
    SELECT count(*) AS ids FROM ids
), orders AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(key) FROM (
        SELECT DISTINCT {_ORDER_KEY} AS key
        FROM first, unnest(%(orders)s) AS one(order_key)
        WHERE first.ids >= 0  -- so that the locks of ids are taken before
        ORDER BY key) AS sorted
)
SELECT (SELECT count(*) FROM first), (SELECT count(*) FROM orders)
""",
    {"cabinet_id": "int", "numbers": "int[]", "orders": "bigint[]"},
)

# The key of a call outlives its row, whose month may be dropped: then the hash is NULL. Lists of
# ids are compared by hashing: the planner does not know their lengths, and IS TRUE keeps it from
# making a nested loop of them.
_KNOWN_KEYS = """
known AS MATERIALIZED (
    SELECT key.id, key.external_id, key.partition_at FROM calls_callkey key
    WHERE key.cabinet_id = %(cabinet_id)s AND key.external_id = ANY (%(ids)s)
)"""

_LOCK_KNOWN = Prepared(
    "lock_known",
    f"""
WITH {_KNOWN_KEYS}, locked AS MATERIALIZED (
    SELECT known.external_id, known.id, known.partition_at, call.content_hash, call.started_at,
           call.is_finished, call.phone, call.phone_text, call.client_id, call.yclid,
           call.user_id, call.unreadable_identifiers, call.raw, call.hold_back
    FROM known JOIN calls_call call
         ON call.id = known.id AND call.partition_at = known.partition_at
    ORDER BY known.external_id COLLATE "C"
    FOR UPDATE OF call
), stored AS (
    SELECT external_id, id, partition_at, content_hash, hold_back,
       json_build_object('client_id', client_id, 'yclid', yclid, 'user_id', user_id,
                         'unreadable', coalesce(unreadable_identifiers, '{{}}'),
                         'phone', phone)::text AS kept,
       started_at, is_finished, phone, phone_text, client_id,
       (SELECT jsonb_object_agg(name, raw -> name)::text
        FROM unnest(%(fields)s) AS name WHERE raw ? name) AS raw
    FROM locked
    UNION ALL
    SELECT external_id, id, partition_at, NULL, NULL, '{{}}', partition_at, false, '', '', '', NULL
    FROM known WHERE (id IN (SELECT id FROM locked)) IS NOT TRUE
), once AS MATERIALIZED (SELECT {AS_BEFORE_SQL} AS settings)
SELECT once.settings, stored.* FROM once LEFT JOIN stored ON true
""",
    {"cabinet_id": "bigint", "ids": "text[]", "fields": "text[]"},
)

# A record whose ids no other record has and no stored call has is a new call. Only keys are read:
# rows of calls are in all months, and there are none to lock when all records are new. The first
# columns are the same in every row, and there is a row even without a key; that of the locks is
# read so that they are taken.
_FIND = Prepared(
    "find_calls",
    f"""
WITH {_KNOWN_KEYS}, known_record AS (
    SELECT number FROM unnest(%(id_numbers)s, %(ids_of_numbers)s) AS one(number, external_id)
    WHERE (external_id IN (SELECT external_id FROM known)) IS TRUE
), new AS (
    INSERT INTO calls_callkey (cabinet_id, external_id, partition_at)
    SELECT %(cabinet_id)s, external_id, partition_at
    FROM unnest(%(new_ids)s, %(starts)s)
        WITH ORDINALITY AS record(external_id, partition_at, number)
    WHERE (number IN (SELECT number FROM known_record)) IS NOT TRUE
    ORDER BY external_id COLLATE "C"
    ON CONFLICT (cabinet_id, external_id) DO NOTHING
    RETURNING external_id, id
), counters AS MATERIALIZED ({UNCONFIGURED_COUNTERS.format(cabinet="%(cabinet_id)s")}
), once AS MATERIALIZED (
    SELECT (SELECT count(*) FROM counters) AS locked, {AS_BEFORE_SQL} AS settings,
           EXISTS (SELECT 1 FROM calls_sentbefore) AS sent_before
)
SELECT once.locked, once.settings, once.sent_before, known.external_id, new.external_id, new.id
FROM once LEFT JOIN (new FULL JOIN known ON false) ON true
""",
    {
        "cabinet_id": "bigint",
        "ids": "text[]",
        "id_numbers": "bigint[]",
        "ids_of_numbers": "text[]",
        "new_ids": "text[]",
        "starts": "timestamptz[]",
    },
)

_INSERT_KEYS = """
INSERT INTO calls_callkey (cabinet_id, external_id, partition_at)
SELECT %(cabinet_id)s, new.external_id, new.partition_at
FROM unnest(%(ids)s::text[], %(starts)s::timestamptz[]) AS new(external_id, partition_at)
ORDER BY new.external_id COLLATE "C"
ON CONFLICT (cabinet_id, external_id) DO NOTHING
RETURNING external_id, id
"""


#: What ``held`` of `find_calls` may have.
STATEMENTS = (_TAKE_LOCKS, _FIND, _LOCK_KNOWN)


@dataclass(frozen=True)
class Found:
    """The state of each call by the external ids of its records."""

    states: dict[str, CallState]
    #: Whether any call is known to be in an upload that was taken over.
    has_sent_before: bool = False

    def keep_held_back(self) -> None:
        """Leave the calls that were loaded without sending as they are."""
        for state in self.states.values():
            state.is_loaded_only = False


def find_calls(cabinet_id: int, records: Sequence[CallRecord], *, held: Collection[str]) -> Found:
    """Lock the ids, the callback orders and the known calls, and insert the keys of the new ones.

    The locks of ids and orders are taken until commit, by a statement of its own in the same round
    trip: what it waited for is visible to the one that finds. So no other request changes what is
    known under these ids before the rows of known calls are locked, which takes another statement.
    """
    ids = {one_id for one in records for one_id in (one.external_id, *one.aliases)}
    orders = {one.order_key for one in records if one.order_key is not None}
    locks = {
        "cabinet_id": cabinet_id,
        "numbers": _lock_numbers(ids),
        "orders": list(orders),
    }
    steps = [(_TAKE_LOCKS, locks), (_FIND, _parameters(cabinet_id, records))]
    rows = rows_of_last(steps, held=held)
    known: dict[str, CallState] = {}
    # The keys that were inserted just now are not among them.
    if known_ids := [row[3] for row in rows if row[3] is not None]:
        known = _known(cabinet_id, known_ids, held)
        held = {*held, _LOCK_KNOWN.name}
    states = _resolve(records, known)
    for *_same, external_id, call_id in rows:
        if external_id is not None:
            states[external_id].call_id = call_id
    new = {one.external_id: one for one in states.values() if not one.call_id}
    if stored := _insert_keys(cabinet_id, new, held):
        states = {sent: stored.get(one.external_id, one) for sent, one in states.items()}
    return Found(states, has_sent_before=rows[0][2])


def _parameters(cabinet_id: int, records: Sequence[CallRecord]) -> dict[str, Any]:
    ids_of = [(one.external_id, *one.aliases) for one in records]
    times = Counter(one_id for ids in ids_of for one_id in ids)
    alone = [
        one
        for one, ids in zip(records, ids_of, strict=True)
        if all(times[one_id] == 1 for one_id in ids)
    ]
    numbered = [
        (number, one_id)
        for number, one in enumerate(alone, 1)
        for one_id in (one.external_id, *one.aliases)
    ]
    return {
        "cabinet_id": cabinet_id,
        "ids": sorted(times),
        "new_ids": [one.external_id for one in alone],
        "starts": [one.started_at for one in alone],
        "id_numbers": [number for number, _id in numbered],
        "ids_of_numbers": [one_id for _number, one_id in numbered],
    }


def _resolve(records: Iterable[CallRecord], known: dict[str, CallState]) -> dict[str, CallState]:
    """Return the state of each record by its external id; of a call that is not known a new one."""
    states = dict(known)
    for record in records:
        if record.external_id not in states:
            states[record.external_id] = _known_by_alias(record, states) or _new_state(record)
    return states


def _known_by_alias(record: CallRecord, states: dict[str, CallState]) -> CallState | None:
    candidates = [states[alias] for alias in record.aliases if alias in states]
    if not candidates:
        return None
    sent = Identity.of_record(record)
    for state in candidates:
        if state.identity.is_alias_of(sent):
            state.described_by = replace(state.identity, ids={**sent.ids, **state.identity.ids})
            return state
    return None


def _new_state(record: CallRecord) -> CallState:
    return CallState(0, record.external_id, record.started_at, record, is_new=True)


def _known(cabinet_id: int, ids: Iterable[str], held: Collection[str]) -> dict[str, CallState]:
    """Lock the rows of the calls that are stored under the ids; return their states by id."""
    values = {"cabinet_id": cabinet_id, "ids": sorted(ids), "fields": list(RAW_FIELDS)}
    rows = _LOCK_KNOWN.rows(values, held=held)
    return _known_states(row[1:] for row in rows if row[1] is not None)


def _known_states(rows: Iterable[tuple[Any, ...]]) -> dict[str, CallState]:
    states = {}
    for external_id, call_id, partition_at, content_hash, hold_back, kept, *facts in rows:
        facts[-1] = json.loads(facts[-1] or "{}")
        states[external_id] = CallState(
            call_id,
            external_id,
            partition_at,
            Identity.of(*facts),
            content_hash,
            kept=KeptValues(**json.loads(kept)),
            is_loaded_only=hold_back == HoldBack.LOADED,
        )
    return states


def _insert_keys(
    cabinet_id: int, new: dict[str, CallState], held: Collection[str]
) -> dict[str, CallState]:
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
    return _known(cabinet_id, missed, held) if missed else {}


def _lock_numbers(ids: Collection[str]) -> list[int]:
    """Return the locks of the ids in order; of very many ids all, without a look at each."""
    if len(ids) > MANY_IDS:
        return list(range(LOCKS))
    return sorted({_lock_number(one) for one in ids})


def _lock_number(external_id: str) -> int:
    return int.from_bytes(blake2b(external_id.encode(), digest_size=2).digest()) % LOCKS


def _rows(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
