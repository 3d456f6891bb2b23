"""Identifies the source of a request: by its public id if given, and always by its signature."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from cabinets.models import CallSource, SigningSecret
from cabinets.sealing import UnsealFailed
from calls.ingest.signatures import Envelope, SignatureRefused, form_of, is_signed_by

logger = logging.getLogger(__name__)

#: A secret that no key opens is logged once in this time by each process, not with each request.
LOG_INTERVAL_SECONDS = 60.0
#: Primary key of such a secret → when it was last logged (monotonic seconds).
_logged_at: dict[int, float] = {}

#: Without a public id every active source is compared; with more active sources than this in the
#: installation the id is required.
MAX_SOURCES_WITHOUT_ID = 20
#: The live secrets of each source that may have signed a request.
Candidates = Mapping[CallSource, Sequence[str]]


class SecretsSealed(Exception):
    """The named source has secrets, and no key of SEALING_KEYS opens any of them."""


def candidates(public_id: str) -> Candidates:
    """Return the active source with this id; for an empty id every active source.

    A secret that no key opens is left out and logged: it is an operator's fault, and the other
    secrets still sign. Raises SignatureRefused (unknown_source), SecretsSealed.
    """
    found = _live_secrets(public_id) if public_id.isprintable() else {}
    if not found or (not public_id and len(found) > MAX_SOURCES_WITHOUT_ID):
        raise SignatureRefused("unknown_source")
    usable = {source: secrets for source, secrets in found.items() if secrets}
    if not usable:
        raise SecretsSealed
    return usable


def authenticate(*, sources: Candidates, envelope: Envelope, body: bytes) -> CallSource:
    """Return the source whose live secret signed the body.

    Raises SignatureRefused (bad_signature).
    """
    signers = [source for source, keys in sources.items() if is_signed_by(envelope, body, keys)]
    if not signers:
        raise SignatureRefused("bad_signature", form_of(envelope.signatures))
    return signers[0]


def _live_secrets(public_id: str) -> dict[CallSource, list[str]]:
    """Return the secrets of the named source, or of up to MAX_SOURCES_WITHOUT_ID + 1 sources."""
    sources = CallSource.objects.filter(is_active=True)
    if public_id:
        sources = sources.filter(public_id=public_id)
    else:
        sources = sources.order_by("pk")[: MAX_SOURCES_WITHOUT_ID + 1]
    found: dict[CallSource, list[str]] = defaultdict(list)
    for one in SigningSecret.objects.filter(source__in=sources).select_related("source"):
        found[one.source].extend(_opened(one))
    return dict(found)


def _opened(one: SigningSecret) -> list[str]:
    """Return the secret in a list, an empty one when no key opens it."""
    try:
        return [one.secret]
    except UnsealFailed:
        _log_sealed(one)
        return []


def _log_sealed(one: SigningSecret) -> None:
    now = time.monotonic()
    if now - _logged_at.get(one.pk, -LOG_INTERVAL_SECONDS) < LOG_INTERVAL_SECONDS:
        return
    _logged_at[one.pk] = now
    logger.error(
        "no key of SEALING_KEYS opens secret %s of source %s: give back the key that sealed it, or"
        " give the source a new secret",
        one.slot,
        one.source.public_id,
    )
