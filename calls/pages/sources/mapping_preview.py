"""What the newest request that fits a mapping would become; it may not be saved yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.models import CallSource
from calls.ingest.parsing.record import BadRecord
from calls.mapping import Mapping, value_at
from calls.masking import masked_text, masked_value
from calls.models import Call
from calls.pages.call_details import Detail, details_of
from calls.pages.sources.received_requests import Came
from calls.ways.preview.decisions import Decision, Outcome
from calls.ways.preview.records import preview_records
from calls.ways.saved_mapping import read_mapped

_TONES = {
    Outcome.SEND: "success",
    Outcome.SKIP: "warning",
    Outcome.EXPIRED: "warning",
    Outcome.SENT_BEFORE: "info",
    Outcome.NOT_CONCERNED: "neutral",
}


def preview_of(
    source: CallSource, mapping: Mapping, requests: Sequence[Came], *, sees_phones: bool
) -> dict[str, Any] | None:
    """Return the call that would be stored with its decisions, or why it would be refused.

    None when no request was kept. Nothing is stored.
    """
    came = _fitting(mapping, requests)
    if came is None:
        return None
    return {"at": came.request.at} | _outcome(source, mapping, came, sees_phones=sees_phones)


def _fitting(mapping: Mapping, requests: Sequence[Came]) -> Came | None:
    """Return the newest request that has the start of a call by the mapping, else the newest.

    One that has none is not read by this mapping (`saved_mapping.mapping_for`).
    """
    kept = [one for one in requests if one.item]
    start = mapping.fields.get("callTime", "")
    fitting = (one for one in kept if start and value_at(one.item, start) is not None)
    return next(fitting, kept[0] if kept else None)


def _outcome(
    source: CallSource, mapping: Mapping, came: Came, *, sees_phones: bool
) -> dict[str, Any]:
    now = timezone.now()
    records = read_mapped([came.item], source, now, mapping=mapping)
    if isinstance(records[0], BadRecord):
        return _refusal(records[0], sees_phones=sees_phones)
    (found,) = preview_records(source, records, now)
    if found.error is not None:
        return _refusal(found.error, sees_phones=sees_phones)
    return {
        "details": _details(found.call, sees_phones=sees_phones) if found.call else [],
        "decisions": [_decision(one, now, sees_phones=sees_phones) for one in found.decisions],
    }


def _refusal(record: BadRecord, *, sees_phones: bool) -> dict[str, Any]:
    text = record.message if sees_phones else masked_text(record.message)
    return {"refusal": text, "code": record.code}


def _details(call: Call, *, sees_phones: bool) -> list[Detail]:
    start = date_format(timezone.localtime(call.started_at), "j E Y, H:i:s")
    number = call.external_id if sees_phones else masked_value(call.external_id)
    came = str(call.raw.get("status", ""))
    return [
        Detail(_("Начало"), start),
        *details_of(call, sees_phones=sees_phones, status_came=came),
        Detail(_("Номер звонка"), number),
    ]


def _decision(one: Decision, now: datetime, *, sees_phones: bool) -> dict[str, str]:
    return {
        "counter": one.counter.name,
        "channel": str(one.channel.label),
        "text": one.sentence(now=now, is_whole=sees_phones),
        "tone": _TONES[one.outcome],
    }
