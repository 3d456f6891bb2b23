"""Verifies signatures of requests by the rules of Standard Webhooks. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
HEADERS = (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)
#: How far the sender's clock may differ from ours, and how long a recorded request can be replayed.
TOLERANCE_SECONDS = 300
MAX_ID_LENGTH = 255
#: Unix seconds have ten digits until 2286; more are milliseconds or smaller units.
SECONDS_DIGITS = 10
#: Two live secrets make two signatures; the rest is room for other versions.
MAX_SIGNATURES = 10
VERSION = "v1"
HEX_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")


class SignatureRefused(Exception):
    """The sender of the request is not authenticated; ``code`` says why.

    ``given`` is what the sentence about it names: missing headers, the timestamp, by how many
    seconds it is behind, or the form of a signature.
    """

    def __init__(self, code: str, given: str | int = "") -> None:
        super().__init__(code)
        self.code = code
        self.given = given


@dataclass(frozen=True)
class Envelope:
    """The webhook headers of a request."""

    webhook_id: str
    timestamp: str
    signatures: tuple[str, ...]


def read_envelope(headers: Mapping[str, str], *, now: float) -> Envelope:
    """Return the three headers; ``now`` is Unix time.

    Raises SignatureRefused: missing_headers, bad_webhook_id, bad_timestamp, stale_timestamp.
    """
    values = {name: headers.get(name, "").strip() for name in HEADERS}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise SignatureRefused("missing_headers", ", ".join(missing))
    webhook_id, timestamp, signatures = values.values()
    if len(webhook_id) > MAX_ID_LENGTH or not webhook_id.isprintable():
        raise SignatureRefused("bad_webhook_id")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= SECONDS_DIGITS):
        raise SignatureRefused("bad_timestamp", timestamp)
    behind = now - int(timestamp)
    if abs(behind) > TOLERANCE_SECONDS:
        raise SignatureRefused("stale_timestamp", round(behind))
    return Envelope(webhook_id, timestamp, tuple(signatures.split()[:MAX_SIGNATURES]))


def form_of(signatures: Iterable[str]) -> str:
    """Return what is wrong with the form of every signature, '' when one of them is well-formed.

    ``no_version``, ``hex``, ``not_base64``.
    """
    ours = [one.partition(",")[2] for one in signatures if one.startswith(f"{VERSION},")]
    if not ours:
        return "no_version"
    if any(map(_is_digest, ours)):
        return ""
    return "hex" if any(HEX_DIGEST.fullmatch(one) for one in ours) else "not_base64"


def _is_digest(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == hashlib.sha256().digest_size
    except (binascii.Error, ValueError):
        return False


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
