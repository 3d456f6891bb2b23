"""Idempotency by `webhook-id`: a repeated request gets the stored response."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction

from cabinets.models import CallSource
from calls.ingest.error_codes import doc_url
from calls.ingest.intake import counts_of
from calls.ingest.parsing.json_values import canonical
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.ingest.receipts import AlreadyReceived, Receipt
from calls.ingest.source_lookup import StoredAnswer
from calls.ingest.store import Result, store_calls
from calls.ingest.warnings import Warned
from calls.models import IngestReceipt, Way
from calls.runtime.prepared import Step, is_not_prepared

ResponseBody = dict[str, Any]

#: Longer than senders retry: the last retry of Standard Webhooks comes after about a day
#: (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
RETENTION = timedelta(days=7)
DELETE_BATCH = 5000


class WebhookIdReused(Exception):
    """The `webhook-id` was used already with another body."""


def stored_answer(*, source: CallSource, webhook_id: str) -> StoredAnswer | None:
    """Return the answer to the request with this `webhook-id`, None for a new one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT body_hash, answer::text FROM calls_ingestreceipt"
            " WHERE source_id = %s AND webhook_id = %s",
            [source.pk, webhook_id],
        )
        found = cursor.fetchone()
    return None if found is None else StoredAnswer(*found)


def replayed(stored: StoredAnswer, *, body_hash: str) -> ResponseBody:
    """Return the stored response marked as a duplicate. Raises WebhookIdReused."""
    if stored.body_hash != body_hash:
        raise WebhookIdReused
    response: ResponseBody = json.loads(stored.answer)
    return response | {"duplicate": True}


@dataclass(frozen=True)
class Delivered:
    """One delivery of a source: what its `webhook-id` is kept with, and its records."""

    source: CallSource
    webhook_id: str
    body_hash: str
    records: Sequence[CallRecord | BadRecord]
    now: datetime

    def store(self, *, is_prepared: bool) -> ResponseBody:
        """Store the calls and the response in one transaction. Raises AlreadyReceived."""
        with transaction.atomic():
            results = store_calls(
                source=self.source,
                records=self.records,
                now=self.now,
                way=Way.API,
                is_prepared=is_prepared,
                receipt_of=self._receipt_of,
            )
        return response_body(results)

    def _receipt_of(self, results: Sequence[Result]) -> Step:
        receipt = Receipt(self.source.pk, self.webhook_id, self.body_hash, self.now)
        counts = counts_of(one.status for one in results)
        return receipt.step(canonical(response_body(results)), counts)


def handle_request(delivered: Delivered) -> ResponseBody:
    """Store the calls and the response once. Raises WebhookIdReused.

    Of two concurrent copies the second waits for the keys of the calls, finds the receipt of the
    first, is rolled back and returns the first one's response.
    """
    try:
        return _store(delivered)
    except AlreadyReceived:
        stored = stored_answer(source=delivered.source, webhook_id=delivered.webhook_id)
        assert stored is not None  # it is committed, and kept for days
        return replayed(stored, body_hash=delivered.body_hash)


def _store(delivered: Delivered) -> ResponseBody:
    """Store; the first request of a session, without prepared statements, is repeated."""
    try:
        return delivered.store(is_prepared=True)
    except OperationalError as error:
        if not is_not_prepared(error):
            raise
        return delivered.store(is_prepared=False)


def response_body(results: Sequence[Result]) -> ResponseBody:
    """Return the response as the API documents it; `duplicate`: the request had nothing new."""
    return {
        "results": [_result(result) for result in results],
        "duplicate": all(result.status == "duplicate" for result in results),
    }


def rejected_results(records: Sequence[BadRecord]) -> list[ResponseBody]:
    """Return the results of a request without a usable record."""
    return [
        _result(Result(index, record.external_id, "rejected", error=record))
        for index, record in enumerate(records)
    ]


def delete_expired(*, now: datetime) -> int:
    """Delete receipts older than RETENTION in batches; return how many."""
    old = IngestReceipt.objects.filter(received_at__lt=now - RETENTION).order_by("received_at")
    deleted = 0
    while batch := list(old.values_list("pk", flat=True)[:DELETE_BATCH]):
        deleted += IngestReceipt.objects.filter(pk__in=batch).delete()[0]
    return deleted


def _result(result: Result) -> ResponseBody:
    written: ResponseBody = {
        "index": result.index,
        "universalId": result.external_id or None,
        "status": result.status,
    }
    if result.error is not None:
        return written | {"error": problem_of(result.error)}
    written["call_id"] = result.call_id
    return written if result.warning is None else written | {"warning": warning_of(result.warning)}


def warning_of(found: Warned) -> ResponseBody:
    return problem_of(found) | {"values": dict(found.values)}


def problem_of(found: BadRecord | Warned) -> ResponseBody:
    return {
        "code": found.code,
        "message": found.message,
        "field": found.field,
        "doc_url": doc_url(found.code),
    }
