"""Factories of calls, uploads and deliveries in any state, without running ingest or delivery."""

from __future__ import annotations

import hashlib
import itertools
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import file_store
from calls.models import (
    Backfill,
    BackfillCounter,
    BackfillState,
    Call,
    CallKey,
    Delivery,
    Upload,
    UploadFile,
    UploadPiece,
)
from calls.states import Channel, DeliveryState, IdKind, UploadState
from counters.models import Counter

_numbers = itertools.count(1)
HORIZON = timedelta(days=21)


def make_call(*, cabinet: Cabinet, started_at: datetime | None = None, **fields: Any) -> Call:
    """Create a successful dynamic call of an hour ago."""
    number = next(_numbers)
    now: datetime = timezone.now()
    started = started_at or now - timedelta(hours=1)
    external_id = fields.pop("external_id", f"2342342343400{number:04d}")
    key = CallKey.objects.create(cabinet=cabinet, external_id=external_id, partition_at=started)
    values: dict[str, Any] = {
        "service_type": "calltracking",
        "kind": "dynamic",
        "phone": f"+7916123{number:04d}",
        "duration_seconds": 152,
        "status": "success",
        "status_first": 200,
        "status_second": 200,
        "is_finished": True,
        "site": "okna-stolica.example",
        "site_host": "okna-stolica.example",
        "client_id": str(1_718_031_415_926_530_000 + 10 * number),
        "raw": {"universalId": external_id},
        "content_hash": hashlib.sha256(external_id.encode()).hexdigest(),
        "received_at": started + timedelta(minutes=5),
        "updated_at": started + timedelta(minutes=5),
    }
    return Call.objects.create(
        id=key.pk,
        cabinet=cabinet,
        external_id=external_id,
        partition_at=started,
        started_at=started,
        **values | fields,
    )


def make_upload(*, counter: Counter, body: bytes | None = None, **fields: Any) -> Upload:
    """Create an upload of one row that Metrika has."""
    number = next(_numbers)
    now: datetime = timezone.now()
    content = body if body is not None else b"ClientId,DateTime\n1,2\n"
    values: dict[str, Any] = {
        "cabinet": counter.cabinet,
        "channel": Channel.CALLS,
        "id_kind": IdKind.CLIENT_ID,
        "state": UploadState.SENT,
        "marker": f"ck{number:032x}",
        "rows": 1,
        "sha256": hashlib.sha256(content).hexdigest(),
        "created_at": now,
        "oldest_call_at": now - timedelta(hours=1),
        "newest_call_at": now - timedelta(hours=1),
        "not_before": now,
        "sent_at": now,
        "uploading_id": 1_830_000_000 + number,
    }
    with transaction.atomic():  # the constraint of the pieces is checked at its end
        upload = Upload.objects.create(counter=counter, **values | fields)
        size = file_store.store(upload.pk, [(1, content)]).size
        UploadFile.objects.create(upload=upload, size=size)
    return upload


def make_delivery(*, call: Call, counter: Counter, **fields: Any) -> Delivery:
    """Create a delivery that may be sent now; with an upload, its only row."""
    now: datetime = timezone.now()
    expires_at = fields.get("expires_at", call.started_at + HORIZON)
    values: dict[str, Any] = {
        "channel": Channel.CALLS,
        "state": DeliveryState.WAITING,
        "id_kind": IdKind.CLIENT_ID,
        "decided_at": now,
        "not_before": min(now - timedelta(minutes=1), expires_at),
        "expires_at": expires_at,
    }
    if fields.get("upload") is not None:
        values |= {"state": DeliveryState.BATCHED, "row_number": 1, "call_revision": call.revision}
    return Delivery.objects.create(
        call=call,
        partition_at=call.partition_at,
        cabinet=call.cabinet,
        counter=counter,
        **values | fields,
    )


def body_of(upload_id: int) -> bytes:
    """Return the stored bytes of an upload's file."""
    return b"".join(file_store.bytes_of(upload_id))


def change_body(upload_id: int, body: bytes) -> None:
    """Let other bytes be stored than the ones that were frozen."""
    UploadPiece.objects.filter(file_id=upload_id).delete()
    frozen = file_store.store(upload_id, [(1, body)])
    UploadFile.objects.filter(pk=upload_id).update(size=frozen.size)


def make_backfill(*, counter: Counter, **fields: Any) -> Backfill:
    """Create a backfill of a week for one counter that was counted and waits for a person."""
    now: datetime = timezone.now()
    values: dict[str, Any] = {
        "cabinet": counter.cabinet,
        "requested_at": now,
        "since": now - timedelta(days=7),
        "until": now,
        "state": BackfillState.COUNTED,
        "calls": 5,
    }
    one = Backfill.objects.create(**values | fields)
    BackfillCounter.objects.create(
        backfill=one,
        counter=counter,
        expected={"sent": 3, "too_short": 1, "site": 1},
        is_over=True,
    )
    return one
