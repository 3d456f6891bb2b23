"""Identifies the source of a request: by its public id if given, and always by its signature."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from cabinets.models import CallSource, SigningSecret
from cabinets.sealing import Secret, UnsealFailed, unseal_remembered
from calls.ingest.signatures import Envelope, SignatureRefused, form_of, is_signed_by
from calls.ingest.source_lookup import StoredAnswer, find_source

logger = logging.getLogger(__name__)

#: A secret that no key opens is logged once in this time by each process, not with each request.
LOG_INTERVAL_SECONDS = 60.0
#: Source and slot of such a secret → when it was last logged (monotonic seconds).
_logged_at: dict[tuple[str, int], float] = {}

#: Without a public id every active source is compared; with more active sources than this in the
#: installation the id is required.
MAX_SOURCES_WITHOUT_ID = 20


@dataclass(frozen=True)
class Candidates:
    """The sources that may have signed a request, with their live secrets.

    ``stored`` is the stored answer to a named source's request; without a name it is not looked up.
    """

    secrets: Mapping[CallSource, Sequence[str]]
    is_named: bool = False
    stored: StoredAnswer | None = None


class SecretsSealed(Exception):
    """The named source has secrets, and no key of SEALING_KEYS opens any of them."""


def candidates(public_id: str, envelope: Envelope) -> Candidates:
    """Return the active source with this id; for an empty id every active source.

    A secret that no key opens is left out and logged: it is an operator's fault, and the other
    secrets still sign. Raises SignatureRefused (unknown_source), SecretsSealed.
    """
    if not public_id.isprintable():
        raise SignatureRefused("unknown_source")
    found = _named(public_id, envelope) if public_id else Candidates(_all_secrets())
    if not found.secrets or len(found.secrets) > MAX_SOURCES_WITHOUT_ID:
        raise SignatureRefused("unknown_source")
    usable = {source: secrets for source, secrets in found.secrets.items() if secrets}
    if not usable:
        raise SecretsSealed
    return Candidates(usable, found.is_named, found.stored)


def authenticate(*, sources: Candidates, envelope: Envelope, body: bytes) -> CallSource:
    """Return the source whose live secret signed the body.

    Raises SignatureRefused (bad_signature).
    """
    signers = [
        source for source, keys in sources.secrets.items() if is_signed_by(envelope, body, keys)
    ]
    if not signers:
        raise SignatureRefused("bad_signature", form_of(envelope.signatures))
    return signers[0]


def _named(public_id: str, envelope: Envelope) -> Candidates:
    found = find_source(public_id, envelope.webhook_id)
    if found is None:
        return Candidates({}, is_named=True)
    secrets = [
        secret
        for slot, sealed in found.secrets.items()
        for secret in _opened(found.source, slot, partial(unseal_remembered, sealed))
    ]
    return Candidates({found.source: secrets}, is_named=True, stored=found.stored)


def _all_secrets() -> dict[CallSource, list[str]]:
    """Return the secrets of up to MAX_SOURCES_WITHOUT_ID + 1 active sources."""
    sources = CallSource.objects.filter(is_active=True).order_by("pk")
    among = sources[: MAX_SOURCES_WITHOUT_ID + 1]
    found: dict[CallSource, list[str]] = defaultdict(list)
    for one in SigningSecret.objects.filter(source__in=among).select_related("source"):
        reading = partial(getattr, one, "secret")  # it is opened when it is read
        found[one.source].extend(_opened(one.source, one.slot, reading))
    return dict(found)


def _opened(source: CallSource, slot: int, read: Callable[[], str]) -> list[str]:
    """Return the secret in a list, an empty one when no key opens it."""
    try:
        return [Secret(read())]
    except UnsealFailed:
        _log_sealed(source.public_id, slot)
        return []


def _log_sealed(public_id: str, slot: int) -> None:
    now = time.monotonic()
    if now - _logged_at.get((public_id, slot), -LOG_INTERVAL_SECONDS) < LOG_INTERVAL_SECONDS:
        return
    _logged_at[public_id, slot] = now
    logger.error(
        "no key of SEALING_KEYS opens secret %s of source %s: give back the key that sealed it, or"
        " give the source a new secret",
        slot,
        public_id,
    )
