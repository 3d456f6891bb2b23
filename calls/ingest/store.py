"""Stores calls once, updates changed ones, and decides their deliveries in the same transaction.

The number of statements does not depend on the number of calls. Of two concurrent requests with the
same call, the second waits for the first and then finds the call (`calls.ingest.known_calls`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection, transaction

from cabinets.models import CallSource
from calls.decision.decide import STATEMENTS, Decided, decide_locked
from calls.decision.sent_before import use_alias_keys
from calls.ingest.call_state import CallState, Status
from calls.ingest.conflicts import rejection
from calls.ingest.intake import record_intake
from calls.ingest.known_calls import STATEMENTS as FINDING
from calls.ingest.known_calls import Found, find_calls
from calls.ingest.new_calls import RECORD_COLUMNS, NewCalls, insert_call, types_of
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.ingest.receipts import SAVE, AlreadyReceived
from calls.ingest.rejected import Rejected, keep_rejected
from calls.ingest.warnings import Warned, too_many_attempts
from calls.models import Way
from calls.runtime.prepared import Step, held_of, rows_of_last
from calls.states import HoldBack

#: The results of a request → the statement that saves its receipt with them.
ReceiptOf = Callable[["list[Result]"], Step]


@dataclass(frozen=True)
class Result:
    """The result of one record of a request; ``call_id`` is None for a rejected one."""

    index: int
    external_id: str
    status: Status
    call_id: int | None = None
    error: BadRecord | None = None
    #: What is wrong with a record that was accepted.
    warning: Warned | None = None


@transaction.atomic(savepoint=False)
def store_calls(
    *,
    source: CallSource,
    records: Sequence[CallRecord | BadRecord],
    now: datetime,
    way: Way,
    is_prepared: bool = False,
    receipt_of: ReceiptOf | None = None,
    hold_back: HoldBack | None = None,
) -> list[Result]:
    """Store the calls of one request into the source's cabinet and decide their deliveries.

    With ``is_prepared`` the session is not asked for its prepared statements: one that lacks any
    raises OperationalError (`is_not_prepared`), and the transaction has to be repeated without.
    With ``receipt_of`` the receipt is saved in the same transaction; it has the counts of the
    records. Without it they are written here. Raises AlreadyReceived.
    With ``hold_back`` the calls that are new are not sent by themselves; known ones are updated as
    ever. Without it a record of a call that was loaded without sending is an update, also one of
    the same content, and the call is decided as any other from then on.

    The records that are rejected are kept in the same transaction, but for those of a replay.

    All or nothing; one result per record, in order. Of two records of the same call in one
    request the later one wins, as an update. A record of another call under a known id is rejected,
    and the known call is flagged.
    """
    usable = [record for record in records if isinstance(record, CallRecord)]
    if not usable and receipt_of is None:
        results = [_result(index, record, {}) for index, record in enumerate(records)]
        _record(source, way, records, results, now=now, hold_back=hold_back)
        return results
    statements = (*FINDING, insert_call(), *STATEMENTS, SAVE)
    held = {one.name for one in statements} if is_prepared else held_of(statements)
    found = find_calls(source.cabinet_id, usable, held=held) if usable else Found({})
    if hold_back is not None:
        found.keep_held_back()
    results = [_result(index, record, found.states) for index, record in enumerate(records)]
    calls = _once(found.states.values())
    new = NewCalls([one for one in calls if one.latest and one.is_new], source, now, hold_back)
    _keep(source, way, records, results, now=now, hold_back=hold_back)
    steps: list[Step] = []
    if receipt_of and len(new.states) == len(calls) and new.are_few_and_plain(found):
        steps = new.steps()
    elif calls:
        results = _write_all(new, found, results, usable, held)
    if receipt_of and not rows_of_last([*steps, receipt_of(results)], held=held):
        raise AlreadyReceived
    if receipt_of is None:
        record_intake(source, way, (one.status for one in results), now=now)
    return results


def _record(
    source: CallSource,
    way: Way,
    records: Sequence[CallRecord | BadRecord],
    results: Sequence[Result],
    *,
    now: datetime,
    hold_back: HoldBack | None,
) -> None:
    """Count a request without a usable record, and keep its records."""
    _keep(source, way, records, results, now=now, hold_back=hold_back)
    record_intake(source, way, (one.status for one in results), now=now)


def _keep(
    source: CallSource,
    way: Way,
    records: Sequence[CallRecord | BadRecord],
    results: Sequence[Result],
    *,
    now: datetime,
    hold_back: HoldBack | None,
) -> None:
    if way == Way.REPLAY:  # they are kept already (`calls.ways.replay`)
        return
    rejected = [
        Rejected(record.raw, one.error)
        for record, one in zip(records, results, strict=True)
        if one.error is not None
    ]
    keep_rejected(source, way, rejected, now=now, hold_back=hold_back)


def _write_all(
    new: NewCalls,
    found: Found,
    results: list[Result],
    usable: Sequence[CallRecord],
    held: Collection[str],
) -> list[Result]:
    """Write and decide calls of any kind; return the results with warnings."""
    source, now = new.source, new.now
    calls = _once(found.states.values())
    changed = [one for one in calls if one.latest is not None]
    new.copy()
    known = [one for one in changed if not one.is_new]
    _update(known, source=source, now=now, is_ordinary=new.hold_back is None)
    _flag([one for one in calls if one.conflict is not None], now=now)
    if found.has_sent_before:
        use_alias_keys(source.cabinet_id, _aliases(usable, found.states))
    crowded = decide_locked(_decided(changed, found, held), now=now)
    return _warned(results, crowded) if crowded else results


def _of_orders(states: Iterable[CallState]) -> list[int]:
    """Return the calls that are attempts of a callback order."""
    return [one.call_id for one in states if one.latest and one.latest.order_key is not None]


def _decided(changed: Sequence[CallState], found: Found, held: Collection[str]) -> Decided:
    return Decided(
        [one.call_id for one in changed],
        [one.partition_at for one in changed],
        has_rows=any(not one.is_new for one in changed),
        of_orders=_of_orders(changed),
        has_sent_before=found.has_sent_before,
        held=held,
    )


def _result(index: int, record: CallRecord | BadRecord, states: dict[str, CallState]) -> Result:
    if isinstance(record, BadRecord):
        return Result(index, record.external_id, "rejected", error=record)
    state = states[record.external_id]
    status = state.apply(record)
    if status == "rejected":
        error = rejection(record, state.identity, external_id=state.external_id)
        return Result(index, state.external_id, status, error=error)
    return Result(index, state.external_id, status, state.call_id)


def _warned(results: list[Result], crowded: Mapping[int, int]) -> list[Result]:
    """Add a warning to the stored records whose callback order has too many attempts."""
    return [
        replace(one, warning=too_many_attempts(crowded[one.call_id]))
        if one.call_id is not None and one.call_id in crowded and one.status != "duplicate"
        else one
        for one in results
    ]


def _aliases(records: Iterable[CallRecord], states: Mapping[str, CallState]) -> dict[str, str]:
    """Return the other ids of the new calls → the id under which each is stored."""
    return {
        one_id: states[record.external_id].external_id
        for record in records
        for one_id in (record.external_id, *record.aliases)
        if states[record.external_id].is_new and one_id != states[record.external_id].external_id
    }


def _once(states: Iterable[CallState]) -> list[CallState]:
    return list({state.call_id: state for state in states}.values())


def _update(
    states: Sequence[CallState], *, source: CallSource, now: datetime, is_ordinary: bool
) -> None:
    """Update the calls; the partition and the time of first arrival stay.

    ``is_ordinary``: those that were loaded without sending are not held back any more.
    """
    if not states:
        return
    columns = (*RECORD_COLUMNS, "id", "partition_at", "revision")
    assignments = ", ".join(f"{column} = new.{column}" for column in RECORD_COLUMNS)
    _execute(
        f"""UPDATE calls_call AS call
            SET {assignments}, source_id = %(source_id)s, updated_at = %(now)s,
                hold_back = CASE WHEN %(is_ordinary)s
                    THEN nullif(call.hold_back, {HoldBack.LOADED}) ELSE call.hold_back END,
                revision = call.revision + new.revision
            FROM json_to_recordset(%(rows)s::json) AS new({_typed(columns)})
            WHERE call.id = new.id AND call.partition_at = new.partition_at""",
        rows=_as_json(states),
        source_id=source.pk,
        now=now,
        is_ordinary=is_ordinary,
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
    return ", ".join(f"{column} {kind}" for column, kind in types_of(columns).items())


def _execute(statement: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
