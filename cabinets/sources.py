"""Sources of calls and their signing secrets: make one, change its secret without a pause."""

from __future__ import annotations

import base64
import secrets

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from cabinets import audit
from cabinets.models import Cabinet, CallSource, SigningSecret
from cabinets.sealing import Sealed

SECRET_PREFIX = "whsec_"
#: Standard Webhooks asks for 24 to 64 random bytes.
SECRET_BYTES = 32
#: The old one and the new one; the database has no place for a third.
MAX_LIVE = 2


class TwoSecretsLive(Exception):
    """Both places are taken: one of the secrets has to be retired before there can be another."""


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
    Raises ValidationError, also for a name the cabinet has already: a form sent twice must not
    leave a second source whose secret nobody saw.
    """
    Cabinet.objects.select_for_update().get(pk=cabinet.pk)
    if cabinet.call_sources.filter(name__iexact=name).exists():
        raise ValidationError({"name": _("Источник с таким названием уже есть.")})
    source = CallSource(cabinet=cabinet, name=name, time_zone=time_zone)
    source.full_clean()
    source.save()
    secret = new_secret()
    SigningSecret.objects.create(source=source, slot=1, secret=secret)
    audit.log_change(
        cabinet=cabinet,
        actor=actor,
        action="source.created",
        subject=source,
        after={"name": name, "public_id": source.public_id, "time_zone": time_zone},
    )
    return source, secret


@transaction.atomic
def switch_source(*, source: CallSource, is_active: bool, actor: User | None = None) -> bool:
    """Turn a source on or off; False when it stood so already. Off, its requests are refused."""
    locked = CallSource.objects.select_for_update().get(pk=source.pk)
    if locked.is_active == is_active:
        return False
    locked.is_active = is_active
    locked.save(update_fields=["is_active"])
    audit.log_change(
        cabinet=locked.cabinet,
        actor=actor,
        action="source.switched",
        subject=locked,
        before={"is_active": not is_active},
        after={"is_active": is_active},
    )
    return True


@transaction.atomic
def rotate_secret(*, source: CallSource, actor: User | None = None) -> Sealed:
    """Give the source a second secret and return it; the first stays valid beside it.

    Raises TwoSecretsLive when there are two already. Replacing either would cut off whoever signs
    with it, and a form sent twice would do that at once.
    """
    live = _live_secrets(source)
    taken = {one.slot for one in live}
    if len(taken) == MAX_LIVE:
        raise TwoSecretsLive
    slot = 2 if 1 in taken else 1
    secret = new_secret()
    SigningSecret.objects.create(source=source, slot=slot, secret=secret)
    audit.log_change(
        cabinet=source.cabinet,
        actor=actor,
        action="source.secret_rotated",
        subject=source,
        after={"slot": slot},
    )
    return secret


@transaction.atomic
def retire_secret(*, source: CallSource, secret_pk: int, actor: User | None = None) -> bool:
    """End this one of two secrets; False when it is gone, or the only one, which always stays.

    It may be the new one as well: that takes back a change whose secret nobody wrote down.
    """
    live = _live_secrets(source)
    doomed = next((one for one in live if one.pk == secret_pk), None)
    if doomed is None or len(live) < MAX_LIVE:
        return False
    doomed.delete()
    audit.log_change(
        cabinet=source.cabinet,
        actor=actor,
        action="source.secret_retired",
        subject=source,
        before={"slot": doomed.slot, "created_at": doomed.created_at.isoformat()},
    )
    return True


@transaction.atomic
def retire_old_secret(*, source: CallSource, actor: User | None = None) -> bool:
    """End the older of two secrets; False when there is only one, which always stays."""
    live = _live_secrets(source)
    return bool(live) and retire_secret(source=source, secret_pk=live[0].pk, actor=actor)


def without_secrets() -> QuerySet[SigningSecret]:
    """Return that secrets exist and since when, oldest first, without opening any of them."""
    return SigningSecret.objects.defer("secret").order_by("created_at", "pk")


def _live_secrets(source: CallSource) -> list[SigningSecret]:
    """Return the live secrets, oldest first; the source is locked against a rival change.

    They stay sealed: a secret that no key opens any more must be replaceable above all.
    """
    CallSource.objects.select_for_update().get(pk=source.pk)
    return list(without_secrets().filter(source=source))
