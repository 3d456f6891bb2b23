"""Which counters a cabinet has: add, revive, switch on and off, remove.

Every change and its audit event stand in one transaction, and listeners of `counter_changed` join
it. What is asked of Metrika is asked before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cabinets import audit
from cabinets.models import Cabinet
from counters.models import Counter
from counters.signals import counter_changed
from counters.sync.available import AvailableCounter, facts_of, is_reachable, offers
from integrations.models import YandexAccount
from integrations.yandex.records import CounterInfo

NOT_SEEN = _("аккаунт не видит такого счетчика")
VIEW_ONLY = _("есть только право просмотра, попросите владельца дать право на редактирование")
ALREADY_ADDED = _("уже добавлен")


@dataclass(frozen=True)
class Refused:
    """A number that was not added, and why, in words that continue «Счетчик N: …»."""

    number: int
    reason: str | Promise


@dataclass(frozen=True)
class Selection:
    """What became of the chosen numbers."""

    added: list[Counter] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def present_counters(cabinet: Cabinet) -> QuerySet[Counter]:
    """Return the counters of the cabinet that are not removed, each with account and goal."""
    present = Counter.objects.filter(cabinet=cabinet, removed_at__isnull=True)
    return present.select_related("account", "goal", "cabinet")


def add_counters(
    *,
    cabinet: Cabinet,
    account: YandexAccount,
    numbers: Iterable[int],
    actor: User | None,
    now: datetime,
) -> Selection:
    """Add the chosen counters; nothing is sent to one before its settings are saved.

    Each number is checked against a fresh list of Metrika, because it came from a browser. What
    cannot be added is told and the others are added. Raises asking.NotAnswered; then nothing is.
    """
    if account.cabinet_id != cabinet.pk:
        raise ValueError("the account belongs to another cabinet")
    offered = {offer.number: offer for offer in offers(account)}
    selection = Selection()
    with transaction.atomic():
        # One order for all, so that two people who add at once cannot block each other.
        for number in sorted(set(numbers)):
            refusal = _refusal_of(offered.get(number))
            counter = None if refusal else _take_in(account, offered[number].info, actor, now)
            if counter:
                selection.added.append(counter)
            else:
                selection.refused.append(Refused(number, refusal or ALREADY_ADDED))
    return selection


@transaction.atomic
def switch(*, counter: Counter, enabled: bool, actor: User | None, now: datetime) -> Counter:
    """Turn the counter on or off at once; a settings form opened before will notice."""
    locked = _locked(counter)
    if locked.enabled == enabled:
        return locked
    locked.enabled = enabled
    locked.version += 1
    locked.settings_saved_at, locked.settings_saved_by = now, actor
    locked.save(update_fields=["enabled", "version", "settings_saved_at", "settings_saved_by"])
    _record(locked, actor, "counter.switched", {"enabled": not enabled}, {"enabled": enabled})
    counter_changed.send(sender=Counter, counter=locked)
    return locked


@transaction.atomic
def remove_counter(*, counter: Counter, actor: User | None, now: datetime) -> None:
    """Take the counter out of the cabinet; history and settings stay for its return."""
    locked = _locked(counter)
    locked.removed_at = now
    locked.save(update_fields=["removed_at"])
    _record(locked, actor, "counter.removed", {}, {"number": locked.number, "name": locked.name})
    counter_changed.send(sender=Counter, counter=locked)


def _refusal_of(offer: AvailableCounter | None) -> str | Promise:
    if offer is None:
        return NOT_SEEN
    if offer.already_added:
        return ALREADY_ADDED
    return VIEW_ONLY if offer.disabled_reason else ""


def _take_in(
    account: YandexAccount, info: CounterInfo, actor: User | None, now: datetime
) -> Counter | None:
    """Create the counter, revive it, or move it from an account that lost it.

    None when it is there by now: somebody else added it since the list was fetched.
    """
    new = facts_of(info) | {"account": account, "added_at": now}
    counter, is_new = (
        Counter.objects.select_for_update(of=("self",))
        .select_related("account", "cabinet")
        .get_or_create(cabinet_id=account.cabinet_id, number=info.number, defaults=new)
    )
    if is_new:
        # Nobody waits for a new counter, so there is nobody to tell.
        _record_arrival(counter, actor, "counter.added")
        return counter
    if counter.removed_at is None and is_reachable(counter):
        return None
    _bring_back(counter, account, info, actor, now)
    return counter


def _bring_back(
    counter: Counter,
    account: YandexAccount,
    info: CounterInfo,
    actor: User | None,
    now: datetime,
) -> None:
    values: dict[str, Any] = facts_of(info) | {
        "account": account,
        "access": Counter.Access.OK,
        "version": counter.version + 1,
    }
    action = "counter.account_changed"
    if counter.removed_at is not None:
        # As with a new one, nothing is sent until a person has looked at the settings.
        values |= {"removed_at": None, "configured_at": None, "added_at": now}
        action = "counter.revived"
    for name, value in values.items():
        setattr(counter, name, value)
    counter.save(update_fields=list(values))
    _record_arrival(counter, actor, action)
    counter_changed.send(sender=Counter, counter=counter)


def _record_arrival(counter: Counter, actor: User | None, action: str) -> None:
    after = {"number": counter.number, "name": counter.name, "account": counter.account.login}
    _record(counter, actor, action, {}, after)


def _locked(counter: Counter) -> Counter:
    """Return the row as it is now, locked. Raises Counter.DoesNotExist when it was removed."""
    return (
        Counter.objects.select_for_update(of=("self",))
        .select_related("cabinet")
        .get(pk=counter.pk, removed_at__isnull=True)
    )


def _record(
    counter: Counter,
    actor: User | None,
    action: str,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    audit.log_change(
        cabinet=counter.cabinet,
        actor=actor,
        action=action,
        subject=counter,
        before=before,
        after=after,
    )
