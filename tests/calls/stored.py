"""Stores calls without the API, with any values, and decides on them."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.decide import decide
from calls.models import Call, CallKey, Delivery
from calls.states import Channel

_numbers = itertools.count(1)


def store_call(*, cabinet: Cabinet, decided: bool = True, **fields: Any) -> Call:
    """Store a finished, successful dynamic call of an hour ago with a ClientID."""
    now: datetime = timezone.now()
    number = next(_numbers)
    external_id = str(fields.get("external_id", f"{7_000_000_000 + number}"))
    started_at: datetime = fields.get("started_at", now - timedelta(hours=1))
    key = CallKey.objects.create(cabinet=cabinet, external_id=external_id, partition_at=started_at)
    values: dict[str, Any] = {
        "partition_at": started_at,
        "external_id": external_id,
        "service_type": "calltracking",
        "kind": "dynamic",
        "phone": "+79161234567",
        "started_at": started_at,
        "duration_seconds": 152,
        "status": "success",
        "status_first": 200,
        "status_second": 200,
        "is_finished": True,
        "is_unique": True,
        "is_target": True,
        "is_unique_target": True,
        "site": "okna-stolica.example",
        "site_host": "okna-stolica.example",
        "campaign_id": "1000",
        "campaign_name": "Распродажа",
        "client_id": f"{1_718_031_415_926_530_000 + 10 * number}",
        "page_url": "https://okna-stolica.example/balkon",
        "tags": ["Целевой"],
        "raw": {},
        "content_hash": "0" * 64,
        "received_at": now,
        "updated_at": now,
    }
    call = Call.objects.create(id=key.pk, cabinet=cabinet, **values | fields)
    if decided:
        decide([call.pk], now=now)
    return call


def row_of(call: Call, channel: Channel = Channel.CALLS) -> Delivery:
    """Return the only ledger row of a call for a channel."""
    return Delivery.objects.get(call_id=call.pk, channel=channel)
