"""Identifies the source of a request: by its public id if given, and always by its signature."""

from __future__ import annotations

from collections import defaultdict

from cabinets.models import CallSource, SigningSecret
from calls.ingest.signatures import Envelope, SignatureRefused, form_of, is_signed_by

#: Without a public id every active source is compared; with more active sources than this in the
#: installation the id is required.
MAX_SOURCES_WITHOUT_ID = 20


def authenticate(*, public_id: str, envelope: Envelope, body: bytes) -> CallSource:
    """Return the active source whose live secret signed the body.

    An empty ``public_id`` tries every active source. Raises SignatureRefused: unknown_source,
    bad_signature.
    """
    candidates = _live_secrets(public_id) if public_id.isprintable() else {}
    if not candidates or (not public_id and len(candidates) > MAX_SOURCES_WITHOUT_ID):
        raise SignatureRefused("unknown_source")
    signers = [
        source for source, secrets in candidates.items() if is_signed_by(envelope, body, secrets)
    ]
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
        found[one.source].append(one.secret)
    return dict(found)
