"""What would become of records: they are stored and decided, and all of it is rolled back.

So a preview differs in nothing from the real thing: there is no second set of rules (ADR 0060).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from cabinets.models import CallSource
from calls.ingest.call_state import Status
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.ingest.store import Result, store_calls
from calls.ingest.warnings import Warned
from calls.models import Call, Way
from calls.states import HoldBack
from calls.ways.preview.decisions import Decision, decisions_of


@dataclass(frozen=True)
class ItemPreview:
    """What would become of one record.

    ``call`` is the call as it would be stored after all records, an instance that is not in the
    database or not like this; None for a rejected record, and for a call whose month was dropped.
    ``is_known``: the call was stored before, so values of it may come from other records.
    """

    index: int
    external_id: str
    status: Status
    record: CallRecord | None = None
    error: BadRecord | None = None
    warning: Warned | None = None
    is_known: bool = False
    call: Call | None = None
    decisions: Sequence[Decision] = ()


def preview_records(
    source: CallSource,
    records: Sequence[CallRecord | BadRecord],
    now: datetime,
    *,
    with_decisions: bool = True,
    hold_back: HoldBack | None = None,
) -> list[ItemPreview]:
    """Return what `store_calls` would do with the records, one for each, and change nothing.

    For few records, some hundred at most: the locks of `store_calls` are held meanwhile. Only
    numbers of sequences are used up: the ids of calls have gaps anyway.
    """
    with transaction.atomic():
        results = store_calls(
            source=source, records=records, now=now, way=Way.TEST, hold_back=hold_back
        )
        ids = sorted({one.call_id for one in results if one.call_id is not None})
        calls = Call.objects.filter(pk__in=ids).in_bulk()
        decisions = decisions_of(ids) if with_decisions and ids else {}
        transaction.set_rollback(True)
    new = {one.call_id for one in results if one.status == "created"}
    return [
        _preview(record, result, calls, decisions, is_known=result.call_id not in new)
        for record, result in zip(records, results, strict=True)
    ]


def _preview(
    record: CallRecord | BadRecord,
    result: Result,
    calls: Mapping[int, Call],
    decisions: Mapping[int, Sequence[Decision]],
    *,
    is_known: bool,
) -> ItemPreview:
    is_stored = result.call_id is not None
    return ItemPreview(
        index=result.index,
        external_id=result.external_id,
        status=result.status,
        record=record if isinstance(record, CallRecord) else None,
        error=result.error,
        warning=result.warning,
        is_known=is_stored and is_known,
        call=calls.get(result.call_id or 0),
        decisions=decisions.get(result.call_id or 0, ()),
    )
