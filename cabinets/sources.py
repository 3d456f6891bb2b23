"""Sources of calls and their signing secrets: create, switch, rotate without a gap."""

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
from cabinets.regions import DEFAULT_REGION
from cabinets.sealing import Secret

SECRET_PREFIX = "whsec_"
#: Standard Webhooks asks for 24 to 64 random bytes.
SECRET_BYTES = 32
#: The old one and the new one; the database allows no third.
MAX_LIVE = 2


class TwoSecretsLive(Exception):
    """Both slots are taken: one of the secrets has to be retired first."""


def new_secret() -> Secret:
    """Return a fresh secret in the form of Standard Webhooks, ``whsec_`` and base64.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    return Secret(SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode())


@transaction.atomic
def create_source(
    *,
    cabinet: Cabinet,
    name: str,
    time_zone: str = "",
    region: str = DEFAULT_REGION,
    actor: User | None = None,
) -> tuple[CallSource, Secret]:
    """Create a source of signed requests with one secret; the secret cannot be shown again.

    Raises ValidationError, as `create_source_of`.
    """
    source = create_source_of(
        CallSource.Kind.API,
        cabinet=cabinet,
        name=name,
        time_zone=time_zone,
        region=region,
        actor=actor,
    )
    secret = new_secret()
    SigningSecret.objects.create(source=source, slot=1, secret=secret)
    return source, secret


@transaction.atomic
def create_source_of(
    kind: CallSource.Kind,
    *,
    cabinet: Cabinet,
    name: str,
    time_zone: str = "",
    region: str = DEFAULT_REGION,
    actor: User | None = None,
) -> CallSource:
    """Create a source without a secret.

    ``time_zone`` is the zone of times that come without an offset; empty refuses such times.
    ``region`` is the country of phone numbers without a country code.
    Raises ValidationError, also for a name the cabinet has already: a form sent twice must not
    create a second source whose secret was never shown.
    """
    Cabinet.objects.select_for_update().get(pk=cabinet.pk)
    if cabinet.call_sources.filter(name__iexact=name).exists():
        raise ValidationError({"name": _("Источник с таким названием уже есть.")})
    source = CallSource(cabinet=cabinet, name=name, time_zone=time_zone, region=region, kind=kind)
    source.full_clean()
    source.save()
    audit.log_change(
        cabinet=cabinet,
        actor=actor,
        action="source.created",
        subject=source,
        after={
            "name": name,
            "public_id": source.public_id,
            "time_zone": time_zone,
            "region": region,
            "kind": kind,
        },
    )
    return source


@transaction.atomic
def change_source(
    *, source: CallSource, name: str, time_zone: str, region: str, actor: User | None = None
) -> bool:
    """Change how the source is named and how its records are read; False if nothing differs.

    Calls that came before keep the values that were read. Raises ValidationError.
    """
    Cabinet.objects.select_for_update().get(pk=source.cabinet_id)
    locked = CallSource.objects.select_for_update().get(pk=source.pk)
    values = {"name": name, "time_zone": time_zone, "region": region}
    before = {field: getattr(locked, field) for field in values}
    changed = [field for field in values if values[field] != before[field]]
    if not changed:
        return False
    others = locked.cabinet.call_sources.exclude(pk=locked.pk)
    if others.filter(name__iexact=name).exists():
        raise ValidationError({"name": _("Источник с таким названием уже есть.")})
    for field in changed:
        setattr(locked, field, values[field])
    locked.full_clean()
    locked.save(update_fields=changed)
    audit.log_change(
        cabinet=locked.cabinet,
        actor=actor,
        action="source.changed",
        subject=locked,
        before={field: before[field] for field in changed},
        after={field: values[field] for field in changed},
    )
    return True


@transaction.atomic
def switch_source(*, source: CallSource, is_active: bool, actor: User | None = None) -> bool:
    """Turn a source on or off; False if it already is. Requests of a source that is off get 401."""
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
def rotate_secret(*, source: CallSource, actor: User | None = None) -> Secret:
    """Create a second secret of the source and return it; the first stays valid.

    Raises TwoSecretsLive when there are two already. Replacing either would refuse the senders that
    sign with it, and a form sent twice would do so at once.
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
    """Delete one of two secrets; False when it is gone or is the only one, which always stays.

    It may be the newer one: that undoes a rotation whose secret was not noted down.
    """
    live = _live_secrets(source)
    retired = next((one for one in live if one.pk == secret_pk), None)
    if retired is None or len(live) < MAX_LIVE:
        return False
    retired.delete()
    audit.log_change(
        cabinet=source.cabinet,
        actor=actor,
        action="source.secret_retired",
        subject=source,
        before={"slot": retired.slot, "created_at": retired.created_at.isoformat()},
    )
    return True


@transaction.atomic
def retire_old_secret(*, source: CallSource, actor: User | None = None) -> bool:
    """Delete the older of two secrets; False when there is only one, which always stays."""
    live = _live_secrets(source)
    return bool(live) and retire_secret(source=source, secret_pk=live[0].pk, actor=actor)


def without_secrets() -> QuerySet[SigningSecret]:
    """Return the secrets, oldest first, without loading the secret text itself."""
    return SigningSecret.objects.defer("secret").order_by("created_at", "pk")


def _live_secrets(source: CallSource) -> list[SigningSecret]:
    """Lock the source and return its live secrets, oldest first.

    They stay sealed: a secret that no key opens any more must be replaceable too.
    """
    CallSource.objects.select_for_update().get(pk=source.pk)
    return list(without_secrets().filter(source=source))
