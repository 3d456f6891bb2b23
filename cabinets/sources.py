"""Sources of calls and their signing secrets: make one, change its secret without a pause."""

from __future__ import annotations

import base64
import secrets

from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from cabinets.models import Cabinet, CallSource, SigningSecret
from cabinets.sealing import Sealed

SECRET_PREFIX = "whsec_"
#: Standard Webhooks asks for 24 to 64 random bytes.
SECRET_BYTES = 32


def new_secret() -> Sealed:
    """Return a fresh secret in the form of Standard Webhooks, ``whsec_`` and base64.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    return Sealed(SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode())


@transaction.atomic
def create_source(
    *, cabinet: Cabinet, name: str, time_zone: str = "", actor: User | None = None
) -> tuple[CallSource, Sealed]:
    """Make a source with one secret and return both: the secret is shown only now.

    ``time_zone`` is the zone of times that come without an offset; empty refuses such times.
    """
    source = CallSource(cabinet=cabinet, name=name, time_zone=time_zone)
    source.full_clean()
    source.save()
    secret = new_secret()
    SigningSecret.objects.create(source=source, slot=1, secret=secret)
    audit.record(
        cabinet=cabinet,
        actor=actor,
        action="source.created",
        subject=source,
        after={"name": name, "public_id": source.public_id, "time_zone": time_zone},
    )
    return source, secret


@transaction.atomic
def rotate_secret(*, source: CallSource, actor: User | None = None) -> Sealed:
    """Give the source a new secret and return it; the newest of the others stays valid beside it.

    With both slots taken the older secret dies, so give the new one to the sender before the next
    change, or end the old one with `retire_old_secret`.
    """
    live = _live_secrets(source)
    slot = 1 if 1 not in {one.slot for one in live} else 2
    if len(live) == 2:
        slot = live[0].slot
        live[0].delete()
    secret = new_secret()
    SigningSecret.objects.create(source=source, slot=slot, secret=secret)
    audit.record(
        cabinet=source.cabinet,
        actor=actor,
        action="source.secret_rotated",
        subject=source,
        after={"slot": slot},
    )
    return secret


@transaction.atomic
def retire_old_secret(*, source: CallSource, actor: User | None = None) -> bool:
    """End the older of two secrets; False when there is only one, which always stays."""
    live = _live_secrets(source)
    if len(live) < 2:
        return False
    slot = live[0].slot
    live[0].delete()
    audit.record(
        cabinet=source.cabinet,
        actor=actor,
        action="source.secret_retired",
        subject=source,
        before={"slot": slot},
    )
    return True


def _live_secrets(source: CallSource) -> list[SigningSecret]:
    """Return the live secrets, oldest first; the source is locked against a rival change."""
    CallSource.objects.select_for_update().get(pk=source.pk)
    return list(source.signing_secrets.order_by("created_at", "pk"))
