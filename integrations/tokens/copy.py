"""Turns the database into a copy: without tokens, and unable to reach the real Yandex for good."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction

from cabinets import audit
from integrations.installation import guard
from integrations.installation.public_host import public_host
from integrations.models import Installation, LinkAttempt, YandexAccount
from integrations.tokens.account_state import Reason, State, set_state


@transaction.atomic
def become_copy(*, now: datetime) -> int:
    """Make this database a copy; return how many accounts lost their tokens. Calling twice is fine.

    The row in the database decides it, so no setting undoes it. The marks outside stay: they may
    belong to the installation that was copied.
    """
    row = Installation.objects.select_for_update().get(pk=guard.installation().pk)
    if row.kind == Installation.Kind.COPY:
        return 0
    before = {"uid": str(row.uid), "kind": row.kind, "public_host": row.public_host}
    row.uid, row.kind, row.public_host = uuid.uuid4(), Installation.Kind.COPY, public_host()
    row.adopted_at, row.halted_at, row.halt_reason = now, None, ""
    row.save()
    erased = _erase_tokens(now)
    after = {"uid": str(row.uid), "kind": str(row.kind), "public_host": row.public_host}
    audit.log_change(
        cabinet=None,
        actor=None,
        action="installation.copied",
        subject=row,
        before=before,
        after=after | {"accounts": erased},
    )
    return erased


def _erase_tokens(now: datetime) -> int:
    LinkAttempt.objects.all().delete()
    accounts = YandexAccount.objects.linked().select_for_update().select_related("cabinet")
    locked = list(accounts.defer("access_token", "refresh_token"))
    for account in locked:
        set_state(account, State.REAUTH_REQUIRED, Reason.COPY, now)
    nothing = {"access_token": "", "refresh_token": "", "refresh_claimed_until": None}
    YandexAccount.objects.linked().update(**nothing)
    return len(locked)
