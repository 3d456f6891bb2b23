"""Posts calls, signed by an independent implementation of Standard Webhooks."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client
from standardwebhooks import Webhook

from cabinets.models import CallSource
from tests.factories import SECRET

_numbers = itertools.count(1)


def new_webhook_id() -> str:
    return f"msg_{next(_numbers)}"


def signed_headers(
    body: bytes,
    *,
    webhook_id: str,
    secret: str = SECRET,
    age: timedelta = timedelta(0),
) -> dict[str, str]:
    moment = datetime.now(UTC) - age
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, moment, body.decode()),
    }


def post_body(
    body: bytes,
    *,
    headers: dict[str, str],
    content_type: str = "application/json",
    path: str = "/api/v1/calls",
) -> Any:
    return Client().post(path, body, content_type=content_type, headers=headers)


def post_calls(payload: Any, *, source: CallSource, webhook_id: str = "", **signing: Any) -> Any:
    """Post as CallKeeper would: signed, naming the source, with a fresh id unless one is given."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = signed_headers(body, webhook_id=webhook_id or new_webhook_id(), **signing)
    return post_body(body, headers=headers | {"X-CallKeeper-Source": source.public_id})
