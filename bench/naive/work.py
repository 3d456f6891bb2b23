"""The work of the naive peer.

Written for reading, not for speed, and not slowed down: whole lists of objects by `bulk_create`
where a request or a file brings many calls, objects one by one where calls come one by one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import requests
from django.db import transaction

from bench.naive.models import NaiveCall, NaiveDelivery, NaiveFile

HEADER = (
    "ClientId",
    "DateTime",
    "StaticCall",
    "PhoneNumber",
    "TalkDuration",
    "CallMissed",
    "Tag",
    "FirstTimeCaller",
    "URL",
)
#: Whether a call is sent to a counter, by the settings that a counter has first.
MINIMUM_SECONDS = 0
TIMEOUT_SECONDS = 60


def call_of(record: dict[str, Any]) -> NaiveCall:
    """Return the unsaved call of a record."""
    return NaiveCall(
        external_id=record["universalId"],
        raw=record,
        started_at=datetime.fromisoformat(record["callTime"]),
        phone=record["clientNumber"],
        duration_seconds=record["duration"],
        status=record["status"],
        client_id=record.get("yaClid", ""),
        yclid=record.get("yclid", ""),
        is_static="Статический" in record.get("callType", ""),
        is_unique=record["unique"],
        page_url=record["callPage"],
        tags=record["tags"],
    )


@transaction.atomic
def store(records: Sequence[dict[str, Any]], counters: Sequence[int]) -> int:
    """Store the calls of a request that are new, and their deliveries."""
    ids = [record["universalId"] for record in records]
    known = set(NaiveCall.objects.filter(external_id__in=ids).values_list("external_id", flat=True))
    new = [call_of(record) for record in records if record["universalId"] not in known]
    decide(NaiveCall.objects.bulk_create(new), counters)
    return len(records)


def decide(calls: Iterable[NaiveCall], counters: Sequence[int]) -> int:
    """Decide the deliveries of these calls and store them."""
    return len(
        NaiveDelivery.objects.bulk_create(
            NaiveDelivery(call=call, counter=counter, **_decision(call))
            for call in calls
            for counter in counters
        )
    )


def _decision(call: NaiveCall) -> dict[str, str]:
    if call.duration_seconds < MINIMUM_SECONDS:
        return {"state": "skipped", "reason": "too_short"}
    if not call.is_static and not (call.client_id or call.yclid):
        return {"state": "skipped", "reason": "no_identifier"}
    return {"state": "waiting"}


@transaction.atomic
def store_one(record: dict[str, Any], counters: Sequence[int]) -> list[int]:
    """Store one call and its deliveries, object by object; return the ids of the deliveries."""
    call, is_new = NaiveCall.objects.get_or_create(
        external_id=record["universalId"], defaults=_fields(call_of(record))
    )
    if not is_new:
        return []
    return [
        NaiveDelivery.objects.create(call=call, counter=counter, **_decision(call)).pk
        for counter in counters
    ]


def _fields(call: NaiveCall) -> dict[str, Any]:
    fields = call._meta.concrete_fields
    return {field.attname: getattr(call, field.attname) for field in fields if field.name != "id"}


def claim(count: int, upload: int) -> int:
    """Give waiting deliveries to an upload."""
    with transaction.atomic():
        waiting = NaiveDelivery.objects.filter(state="waiting").order_by("pk")
        ids = list(waiting.values_list("pk", flat=True)[:count])
        return NaiveDelivery.objects.filter(pk__in=ids).update(state="batched", upload=upload)


def csv_of(deliveries: Iterable[NaiveDelivery], file: Any) -> int:
    """Write the CSV of deliveries with their calls; return the number of rows."""
    writer = csv.writer(file)
    writer.writerow(HEADER)
    rows = 0
    for rows, delivery in enumerate(deliveries, 1):  # noqa: B007
        writer.writerow(_row(delivery.call))
    return rows


def _row(call: NaiveCall) -> list[Any]:
    return [
        "" if call.is_static else call.client_id or call.yclid,
        int(call.started_at.timestamp()),
        int(call.is_static),
        call.phone,
        call.duration_seconds,
        int(call.status == "fail"),
        ", ".join(call.tags),
        int(call.is_unique),
        call.page_url,
    ]


def send_file(pk: int, url: str) -> int:
    """Send the bytes of a stored file; return how many they are."""
    body = NaiveFile.objects.get(pk=pk).body
    requests.post(url, files={"file": bytes(body)}, timeout=TIMEOUT_SECONDS).raise_for_status()
    return len(body)


def send_delivery(pk: int, url: str) -> None:
    """The task of one delivery: its row of CSV in one request, and its state."""
    delivery = NaiveDelivery.objects.select_related("call").get(pk=pk)
    if delivery.state != "waiting":
        return
    text = io.StringIO()
    csv_of([delivery], text)
    file = {"file": text.getvalue().encode()}
    requests.post(url, files=file, timeout=TIMEOUT_SECONDS).raise_for_status()
    delivery.state = "sent"
    delivery.save()
