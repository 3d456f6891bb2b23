"""What a person orders: a new pulled source, another key, a pause, a pull at once.

Each takes the row from the worker that holds it, so that nothing is stored against the order.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cabinets import audit
from cabinets.models import Cabinet, CallSource
from cabinets.sealing import UnsealFailed
from cabinets.sources import create_source_of
from calls.callkeeper.errors import TooManyRequests
from calls.models import PullSource
from calls.ways.pull.claims import FREE, NO_ERROR, NO_WINDOW

State = PullSource.State


@transaction.atomic
def create_pull(
    *,
    cabinet: Cabinet,
    name: str,
    time_zone: str,
    region: str,
    api_key: str,
    days: int,
    actor: User,
    now: datetime,
) -> CallSource:
    """Create a source whose calls of the last ``days`` are pulled first. Raises ValidationError."""
    source = create_source_of(
        CallSource.Kind.PULL,
        cabinet=cabinet,
        name=name,
        time_zone=time_zone,
        region=region,
        actor=actor,
    )
    begin = now - timedelta(days=days)
    pull = PullSource.objects.create(
        source=source, api_key=api_key, pull_from=begin, pulled_until=begin, next_at=now
    )
    _log(pull, actor, "source.pull_created", after={"days": days})
    return source


@transaction.atomic
def change_key(pull: PullSource, *, api_key: str, actor: User, now: datetime) -> bool:
    """Store another key and begin the window again; a pause stays.

    False for the key that is stored already, unless CallKeeper did not accept it.
    """
    locked = _locked(pull)
    before = locked.state
    if before != State.WRONG_KEY and _has_key(locked, api_key):
        return False
    if locked.state == State.WRONG_KEY:
        locked.state = State.ACTIVE
    locked.api_key = api_key
    _save(locked, next_at=now, **NO_WINDOW, **NO_ERROR, **FREE)
    _log(
        locked, actor, "source.pull_key_changed", before={"state": before}, after=_state_of(locked)
    )
    return True


@transaction.atomic
def switch(pull: PullSource, *, is_active: bool, actor: User, now: datetime) -> bool:
    """Pause or resume; False when there is nothing to change, as with a key that does not fit."""
    locked = _locked(pull)
    wanted, other = (State.ACTIVE, State.PAUSED) if is_active else (State.PAUSED, State.ACTIVE)
    if locked.state != other:
        return False
    locked.state = wanted
    waits = not is_active or _is_told_to_wait(locked, now)
    _save(locked, next_at=locked.next_at if waits else now, **FREE)
    _log(locked, actor, "source.pull_switched", before={"state": other}, after=_state_of(locked))
    return True


@transaction.atomic
def pull_now(pull: PullSource, *, actor: User, now: datetime) -> bool:
    """Make the source due at once; False while it may not be asked: see `is_pull_now_allowed`."""
    locked = _locked(pull)
    if not is_pull_now_allowed(locked, now):
        return False
    # A press that waited for the lock of another one is no second order.
    if locked.next_at > max(now, timezone.now()):
        _save(locked, next_at=now)
        _log(locked, actor, "source.pull_ordered")
    return True


def is_pull_now_allowed(pull: PullSource, now: datetime) -> bool:
    """Whether a pull at once would ask CallKeeper: not without a fitting key, nor after a 429."""
    is_on = pull.state == State.ACTIVE and pull.source.is_active
    return is_on and not _is_told_to_wait(pull, now)


def _is_told_to_wait(pull: PullSource, now: datetime) -> bool:
    """Whether CallKeeper has answered 429 and its time is not over."""
    return pull.error_code == TooManyRequests.code and pull.next_at > now


def _has_key(pull: PullSource, api_key: str) -> bool:
    try:
        return hmac.compare_digest(pull.api_key.encode(), api_key.encode())
    except UnsealFailed:
        return False


def _locked(pull: PullSource) -> PullSource:
    return (
        PullSource.objects.select_for_update(of=("self",)).select_related("source").get(pk=pull.pk)
    )


def _save(pull: PullSource, **values: Any) -> None:
    for name, value in values.items():
        setattr(pull, name, value)
    pull.save(update_fields=["api_key", "state", *values])


def _state_of(pull: PullSource) -> dict[str, str]:
    return {"state": str(pull.state)}


def _log(
    pull: PullSource,
    actor: User,
    action: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.log_change(
        cabinet=pull.source.cabinet,
        actor=actor,
        action=action,
        subject=pull.source,
        before=before,
        after=after,
    )
