"""Finds out which source sent a request: by its name when given, and always by its signature."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from cabinets.models import CallSource, SigningSecret
from calls.ingest.signatures import Envelope, SignatureRefused, is_signed_by

#: A sender that does not name its source costs one comparison per active source; above this many
#: sources in the installation the name is required.
MAX_NAMELESS = 20
#: The moment of last use is a hint for people: no need to write it with every request.
TOUCH_EVERY = timedelta(minutes=1)


def authenticate(*, public_id: str, envelope: Envelope, body: bytes) -> CallSource:
    """Return the active source whose live secret signed the body.

    An empty ``public_id`` tries every active source. Raises SignatureRefused: unknown_source,
    bad_signature.
    """
    candidates = _live_secrets(public_id) if public_id.isprintable() else {}
    if not candidates or (not public_id and len(candidates) > MAX_NAMELESS):
        raise SignatureRefused("unknown_source")
    signers = [
        source for source, secrets in candidates.items() if is_signed_by(envelope, body, secrets)
    ]
    if not signers:
        raise SignatureRefused("bad_signature")
    return signers[0]


def touch(source: CallSource, *, now: datetime) -> None:
    """Note that the source is in use."""
    if source.last_used_at is None or now - source.last_used_at >= TOUCH_EVERY:
        CallSource.objects.filter(pk=source.pk).update(last_used_at=now)


def _live_secrets(public_id: str) -> dict[CallSource, list[str]]:
    """Return the secrets of the named source, or of one more source than may stay nameless."""
    sources = CallSource.objects.filter(is_active=True)
    if public_id:
        sources = sources.filter(public_id=public_id)
    else:
        sources = sources.order_by("pk")[: MAX_NAMELESS + 1]
    found: dict[CallSource, list[str]] = defaultdict(list)
    for one in SigningSecret.objects.filter(source__in=sources).select_related("source"):
        found[one.source].append(one.secret)
    return dict(found)
