"""Verifies signatures of requests by the rules of Standard Webhooks. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
#: How far the sender's clock may differ from ours, and how long a recorded request can be replayed.
TOLERANCE_SECONDS = 300
MAX_ID_LENGTH = 255
#: Two live secrets make two signatures; the rest is room for other versions.
MAX_SIGNATURES = 10
VERSION = "v1"


class SignatureRefused(Exception):
    """The sender of the request is not authenticated; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Envelope:
    """The webhook headers of a request."""

    webhook_id: str
    timestamp: str
    signatures: tuple[str, ...]


def read_envelope(headers: Mapping[str, str], *, now: float) -> Envelope:
    """Return the three headers; ``now`` is Unix time.

    Raises SignatureRefused: missing_headers, stale_timestamp.
    """
    webhook_id = headers.get(ID_HEADER, "").strip()
    timestamp = headers.get(TIMESTAMP_HEADER, "").strip()
    signatures = headers.get(SIGNATURE_HEADER, "").split()
    if not (webhook_id and timestamp and signatures):
        raise SignatureRefused("missing_headers")
    if len(webhook_id) > MAX_ID_LENGTH or not webhook_id.isprintable():
        raise SignatureRefused("missing_headers")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise SignatureRefused("stale_timestamp")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise SignatureRefused("stale_timestamp")
    return Envelope(webhook_id, timestamp, tuple(signatures[:MAX_SIGNATURES]))


def sign(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Return the value of `webhook-signature` for the raw body.

    ``secret`` is base64 with or without the prefix ``whsec_``. Raises ValueError for another one.
    """
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    message = b".".join([webhook_id.encode(), timestamp.encode(), body])
    digest = hmac.new(key, message, hashlib.sha256).digest()
    return f"{VERSION},{base64.b64encode(digest).decode()}"


def is_signed_by(envelope: Envelope, body: bytes, secrets: Iterable[str]) -> bool:
    """Return whether one of the secrets made one of the signatures; every pair is compared."""
    matches = [
        hmac.compare_digest(expected.encode(), given.encode())
        for expected in _expected(envelope, body, secrets)
        for given in envelope.signatures
    ]
    return any(matches)


def _expected(envelope: Envelope, body: bytes, secrets: Iterable[str]) -> list[str]:
    expected = []
    for secret in secrets:
        try:
            expected.append(sign(secret, envelope.webhook_id, envelope.timestamp, body))
        except (binascii.Error, ValueError):
            continue  # a secret that is not base64 has signed nothing
    return expected
