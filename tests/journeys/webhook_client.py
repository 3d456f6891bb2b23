"""Posts calls as CallKeeper does, signed by the rules of Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT_SECONDS = 60
Record = dict[str, Any]


@dataclass(frozen=True)
class WebhookClient:
    """A client with the source's secret."""

    url: str
    source: str
    secret: str

    def post(self, records: Sequence[Record], *, webhook_id: str = "") -> dict[str, Any]:
        """Post the records in one request and return the answer, which must be a 202."""
        body = json.dumps({"calls": records}, ensure_ascii=False).encode()
        answer = requests.post(
            f"{self.url}/api/v1/calls",
            data=body,
            headers=self._headers(webhook_id or uuid.uuid4().hex, body),
            timeout=TIMEOUT_SECONDS,
        )
        assert answer.status_code == 202, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def _headers(self, webhook_id: str, body: bytes) -> dict[str, str]:
        moment = str(int(time.time()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = hmac.new(key, f"{webhook_id}.{moment}.".encode() + body, hashlib.sha256).digest()
        return {
            "Content-Type": "application/json",
            "X-CallKeeper-Source": self.source,
            "webhook-id": webhook_id,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }


def statuses(answer: dict[str, Any]) -> set[str]:
    """Return the set of statuses of the calls."""
    return {result["status"] for result in answer["results"]}
