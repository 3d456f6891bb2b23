"""Inserts new calls: many with COPY, a few together with their decision and what comes after it.

COPY takes two round trips. For a few calls they cost more than to parse their values, and one
message of several statements has the rows, their decision and the receipt of the request.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from django.db import connection

from cabinets.models import CallSource
from calls.decision.decide import with_decision
from calls.decision.judged import DECISION_TYPES, decision_parameters
from calls.ingest.call_state import CallState
from calls.ingest.known_calls import Found
from calls.ingest.parsing.json_values import json_bytes
from calls.ingest.parsing.record import CallRecord
from calls.models import Call
from calls.runtime.copying import array_of, copy_rows
from calls.runtime.prepared import Prepared, Step
from calls.states import HoldBack

#: So many calls are inserted one by one.
FEW = 8
RECORD_COLUMNS = tuple(one.name for one in fields(CallRecord) if one.name != "aliases")
#: Columns of a new call: those whose values are written another way around the others.
_OWN = ("id", "partition_at", "revision", "external_id", "tags", "unreadable_identifiers")
_PLAIN = tuple(one for one in RECORD_COLUMNS if one not in {*_OWN, "raw"})
_GIVEN = ("cabinet_id", "source_id", "received_at", "updated_at", "hold_back")
_COLUMNS = (*_GIVEN, *_OWN, *_PLAIN, "raw")
_plain = attrgetter(*_PLAIN)


@dataclass(frozen=True)
class NewCalls:
    """The new calls of a request, when it came, and whether it holds them back."""

    states: Sequence[CallState]
    source: CallSource
    now: datetime
    hold_back: HoldBack | None = None

    def are_few_and_plain(self, found: Found) -> bool:
        """Whether `steps` may insert them: no attempts of callback orders, none sent before."""
        return (
            0 < len(self.states) <= FEW
            and not found.has_sent_before
            and all(
                one.latest is not None and one.latest.order_key is None and one.conflict is None
                for one in self.states
            )
        )

    def copy(self) -> None:
        """Insert them, however many."""
        if self.states:
            copy_rows("calls_call", _COLUMNS, self._rows())

    def steps(self) -> list[Step]:
        """Return the statements that insert and decide them, for `rows_of_last`."""
        decision = decision_parameters(self.now)
        return [
            (insert_call(), dict(zip(_COLUMNS, [*row, raw.decode()], strict=True)) | decision)
            for *row, raw in self._rows()
        ]

    def _rows(self) -> list[tuple[Any, ...]]:
        hold_back = None if self.hold_back is None else int(self.hold_back)
        given = (self.source.cabinet_id, self.source.pk, str(self.now), str(self.now), hold_back)
        return [given + _row(one) for one in self.states]


@cache
def insert_call() -> Prepared:
    """Return the statement that inserts one call, no attempt of an order, and decides it."""
    types = types_of(_COLUMNS) | DECISION_TYPES
    values = ", ".join(f"%({name})s" for name in _COLUMNS)
    sql = f"INSERT INTO calls_call ({', '.join(_COLUMNS)}) VALUES ({values})"
    return Prepared("insert_call", with_decision(sql), types)


def types_of(columns: Collection[str]) -> dict[str, str]:
    """Return the SQL types of columns of calls, as the model defines them."""
    types = {field.column: field.db_type(connection) for field in Call._meta.concrete_fields}
    return {column: str(types[column]) for column in columns}


def _row(state: CallState) -> tuple[Any, ...]:
    """Return the values of a new call in the order of its columns."""
    assert state.latest is not None
    call = state.latest
    unreadable = call.unreadable_identifiers
    return (
        state.call_id,
        state.partition_at,
        state.versions,
        state.external_id,
        array_of(call.tags) if call.tags else "{}",
        None if unreadable is None else json.dumps(unreadable),
        *_plain(call),
        json_bytes(call.raw),
    )
