"""Answers a delivery once: a repeat of the same `webhook-id` gets the answer it already had."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from cabinets.models import CallSource
from calls.ingest.parsing.json_values import canonical
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.ingest.store import Result, store_calls
from calls.models import IngestReceipt

Answer = dict[str, Any]

#: Longer than any sender repeats: the last retry of Standard Webhooks comes after about a day
#: (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
RETENTION = timedelta(days=7)
DELETE_BATCH = 5000


class WebhookIdReused(Exception):
    """The `webhook-id` was answered already, for another body."""


class _AnsweredMeanwhile(Exception):
    """A copy of the delivery committed first; our own work is undone."""


def known_answer(*, source: CallSource, webhook_id: str, body_hash: str) -> Answer | None:
    """Return the stored answer marked as a duplicate, None for a delivery not seen yet.

    Raises WebhookIdReused.
    """
    receipt = IngestReceipt.objects.filter(source=source, webhook_id=webhook_id).first()
    return None if receipt is None else _replayed(receipt, body_hash)


def handle_request(
    *,
    source: CallSource,
    webhook_id: str,
    body_hash: str,
    records: Sequence[CallRecord | BadRecord],
    now: datetime,
) -> Answer:
    """Take the calls in and keep the answer in the same transaction. Raises WebhookIdReused.

    Of two copies at once the second waits at the calls' keys, finds the receipt of the first,
    changes nothing and gives the first one's answer.
    """
    try:
        with transaction.atomic():
            answer = answer_of(store_calls(source=source, records=records, now=now))
            _keep(answer, source=source, webhook_id=webhook_id, body_hash=body_hash, now=now)
            return answer
    except _AnsweredMeanwhile:
        receipt = IngestReceipt.objects.get(source=source, webhook_id=webhook_id)
        return _replayed(receipt, body_hash)


def answer_of(results: Sequence[Result]) -> Answer:
    """Return the answer in words of the interface; `duplicate`: nothing new came."""
    return {
        "results": [_result(result) for result in results],
        "duplicate": all(result.status == "duplicate" for result in results),
    }


def refusals(records: Sequence[BadRecord]) -> list[Answer]:
    """Return the results of a delivery in which nothing was usable."""
    return [
        _result(Result(index, record.external_id, "rejected", error=record))
        for index, record in enumerate(records)
    ]


def delete_expired(*, now: datetime) -> int:
    """Delete answers older than RETENTION in batches; return how many."""
    old = IngestReceipt.objects.filter(received_at__lt=now - RETENTION).order_by("received_at")
    deleted = 0
    while batch := list(old.values_list("pk", flat=True)[:DELETE_BATCH]):
        deleted += IngestReceipt.objects.filter(pk__in=batch).delete()[0]
    return deleted


def _result(result: Result) -> Answer:
    written: Answer = {
        "index": result.index,
        "universalId": result.external_id or None,
        "status": result.status,
    }
    if result.error is None:
        return written | {"call_id": result.call_id}
    error = result.error
    return written | {"error": {"code": error.code, "message": error.message, "field": error.field}}


def _replayed(receipt: IngestReceipt, body_hash: str) -> Answer:
    if receipt.body_hash != body_hash:
        raise WebhookIdReused(receipt.webhook_id)
    answer: Answer = receipt.answer
    return answer | {"duplicate": True}


def _keep(
    answer: Answer, *, source: CallSource, webhook_id: str, body_hash: str, now: datetime
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO calls_ingestreceipt"
            " (source_id, webhook_id, body_hash, answer, received_at)"
            " VALUES (%s, %s, %s, %s::jsonb, %s)"
            " ON CONFLICT (source_id, webhook_id) DO NOTHING",
            [source.pk, webhook_id, body_hash, canonical(answer), now],
        )
        if cursor.rowcount == 0:
            raise _AnsweredMeanwhile
