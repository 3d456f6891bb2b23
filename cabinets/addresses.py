"""Secret addresses of sources of webhooks: create, rotate without a gap, find the source."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from cabinets.models import CallSource, SecretAddress
from cabinets.sealing import Secret

#: Characters of a token: 32 random bytes in URL-safe base64.
TOKEN_BYTES = 32
TOKEN_LENGTH = 43
MAX_LIVE = 2


class TwoAddressesLive(Exception):
    """Both slots are taken: one of the addresses has to be retired first."""


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token, hexadecimal; of 256 random bits, so without a salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_source(token: str) -> CallSource | None:
    """Return the active source of webhooks with this address; one statement.

    The index is searched for the digest of what was sent, which tells nothing of the stored tokens;
    the digests are then compared in constant time.
    """
    digest = digest_of(token)
    found = (
        SecretAddress.objects.filter(
            digest=digest, source__is_active=True, source__kind=CallSource.Kind.WEBHOOK
        )
        .select_related("source")
        .defer("token")
        .first()
    )
    if found is None or not hmac.compare_digest(found.digest, digest):
        return None
    return found.source


def live_addresses(source: CallSource) -> list[SecretAddress]:
    """Return the live addresses of a source, oldest first; a token is opened when it is read."""
    return list(source.secret_addresses.order_by("created_at", "pk"))


@transaction.atomic
def add_address(*, source: CallSource, actor: User | None = None) -> Secret:
    """Create an address of the source and return its token; one before it stays valid.

    Raises TwoAddressesLive when there are two already, so that a form sent twice replaces none.
    """
    taken = {one.slot for one in _locked(source)}
    if len(taken) == MAX_LIVE:
        raise TwoAddressesLive
    slot = 2 if 1 in taken else 1
    token = Secret(secrets.token_urlsafe(TOKEN_BYTES))
    SecretAddress.objects.create(source=source, slot=slot, token=token, digest=digest_of(token))
    audit.log_change(
        cabinet=source.cabinet,
        actor=actor,
        action="source.address_added",
        subject=source,
        after={"slot": slot},
    )
    return token


@transaction.atomic
def retire_address(*, source: CallSource, address_pk: int, actor: User | None = None) -> bool:
    """Delete one of two addresses; False when it is gone or is the only one, which always stays."""
    live = _locked(source)
    retired = next((one for one in live if one.pk == address_pk), None)
    if retired is None or len(live) < MAX_LIVE:
        return False
    retired.delete()
    audit.log_change(
        cabinet=source.cabinet,
        actor=actor,
        action="source.address_retired",
        subject=source,
        before={"slot": retired.slot, "created_at": retired.created_at.isoformat()},
    )
    return True


def _locked(source: CallSource) -> list[SecretAddress]:
    """Lock the source and return its addresses, oldest first, without opening them."""
    CallSource.objects.select_for_update().get(pk=source.pk)
    addresses = SecretAddress.objects.defer("token").filter(source=source)
    return list(addresses.order_by("created_at", "pk"))
