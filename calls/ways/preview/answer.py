"""A preview as the API returns it.

A secret lets a program post calls, not read them: what a known call has from other records is
masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cabinets.models import CallSource
from calls.ingest.idempotency import ResponseBody, problem_of, warning_of
from calls.ingest.new_calls import RECORD_COLUMNS
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.masking import Mask, masked_address, masked_value
from calls.models import Call
from calls.phones import masked_phone
from calls.ways.preview.decisions import Decision
from calls.ways.preview.records import ItemPreview, preview_records

#: Columns of a call that are answered: not the record itself, which the sender has.
COLUMNS = tuple(one for one in RECORD_COLUMNS if one not in ("raw", "content_hash"))
#: Columns with personal data → their masks.
MASKS: dict[str, Mask] = {
    "phone": masked_phone,
    "phone_text": masked_phone,
    "client_id": masked_value,
    "yclid": masked_value,
    "user_id": masked_value,
    "page_url": masked_address,
}
#: Cells of the CSV → the column that they come from.
CELLS = {
    "PhoneNumber": "phone",
    "ClientId": "client_id",
    "Yclid": "yclid",
    "UserId": "user_id",
    "URL": "page_url",
}


def preview_results(
    source: CallSource,
    records: Sequence[CallRecord | BadRecord],
    now: datetime,
    *,
    is_explained: bool,
) -> list[ResponseBody]:
    """Return the results of a request that is only checked; with ``is_explained`` the decisions."""
    previews = preview_records(source, records, now, with_decisions=is_explained)
    return [_result(one, now=now, is_explained=is_explained) for one in previews]


def _result(one: ItemPreview, *, now: datetime, is_explained: bool) -> ResponseBody:
    written: ResponseBody = {
        "index": one.index,
        "universalId": one.external_id or None,
        "status": one.status,
    }
    if one.error is not None:
        return written | {"error": problem_of(one.error)}
    if one.warning is not None:
        written["warning"] = warning_of(one.warning)
    hidden = _hidden(one)
    written["call_id"] = one.call.pk if one.call is not None and one.is_known else None
    written["call"] = None if one.call is None else _call(one.call, hidden)
    if is_explained:
        written["decisions"] = [
            _decision(decision, hidden, now=now, is_whole=not one.is_known)
            for decision in one.decisions
        ]
    return written


def _hidden(one: ItemPreview) -> frozenset[str]:
    """Return the columns of a known call whose values this record did not bring."""
    if one.call is None or not one.is_known:
        return frozenset()
    call, record = one.call, one.record
    columns = (*MASKS, "unreadable_identifiers")
    return frozenset(name for name in columns if getattr(call, name) != getattr(record, name))


def _call(call: Call, hidden: frozenset[str]) -> dict[str, Any]:
    values = {name: getattr(call, name) for name in COLUMNS}
    for name in hidden & MASKS.keys():
        values[name] = MASKS[name](values[name])
    if "unreadable_identifiers" in hidden and (unreadable := values["unreadable_identifiers"]):
        masked = {name: masked_value(text) for name, text in unreadable.items()}
        values["unreadable_identifiers"] = masked
    return values


def _decision(
    one: Decision, hidden: frozenset[str], *, now: datetime, is_whole: bool
) -> dict[str, Any]:
    return {
        "counter": one.counter.number,
        "counter_name": one.counter.name,
        "channel": one.channel.name.lower(),
        "decision": one.outcome.value,
        "reason": one.reason,
        "message": one.sentence(now=now, is_whole=is_whole),
        "not_before": one.not_before,
        "row": None if one.row is None else _row(one, hidden),
    }


def _row(one: Decision, hidden: frozenset[str]) -> dict[str, str]:
    return {
        name: MASKS[CELLS[name]](cell) if CELLS.get(name) in hidden else cell
        for name, cell in (one.row or {}).items()
    }
