"""The lifecycle of a counter in a cabinet: add, restore, switch on and off, remove.

Every change, its audit event and the receivers of `counter_changed` share one transaction.
Requests to Metrika are made before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cabinets import audit
from cabinets.models import Cabinet
from counters.models import Counter
from counters.signals import counter_changed
from counters.sync.available import AvailableCounter, available_counters, facts_of
from integrations.models import YandexAccount
from integrations.yandex.records import CounterInfo

NOT_SEEN = _("аккаунт не видит такого счетчика")
NO_EDITING = _("звонки отправлять нельзя, попросите владельца дать право на редактирование")
ALREADY_ADDED = _("уже добавлен")


@dataclass(frozen=True)
class Refused:
    """A number that was not added, and why, in words that continue «Счетчик N: …»."""

    number: int
    reason: str | Promise


@dataclass(frozen=True)
class AddResult:
    """The result of adding: counters that were added, numbers that were refused."""

    added: list[Counter] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def add_counters(
    *,
    cabinet: Cabinet,
    account: YandexAccount,
    numbers: Iterable[int],
    actor: User | None,
    now: datetime,
) -> AddResult:
    """Add the chosen counters; nothing is sent to one before its settings are saved.

    Each number is checked against a fresh list of Metrika, because it came from a browser. Numbers
    that cannot be added are returned as refused, the others are added. Raises MetrikaUnavailable;
    then none is.
    """
    if account.cabinet_id != cabinet.pk:
        raise ValueError("the account belongs to another cabinet")
    available = {one.number: one for one in available_counters(account)}
    result = AddResult()
    with transaction.atomic():
        # In one order, so that two people who add at once cannot deadlock.
        for number in sorted(set(numbers)):
            refusal = _refusal_of(available.get(number))
            counter = None if refusal else _add(account, available[number].info, actor, now)
            if counter:
                result.added.append(counter)
            else:
                result.refused.append(Refused(number, refusal or ALREADY_ADDED))
    return result


@transaction.atomic
def switch_counter(
    *, counter: Counter, enabled: bool, actor: User | None, now: datetime
) -> Counter:
    """Turn the counter on or off at once; a settings form opened before gets a conflict."""
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
def accept_from(*, counter: Counter, moment: datetime, actor: User | None) -> None:
    """Accept calls that started at ``moment`` or later; a later bound than today's is refused.

    Past calls are not decided here. Raises ValueError, and Counter.DoesNotExist when it was
    removed.
    """
    locked = _locked(counter)
    before = locked.accepts_from
    if before is None or moment >= before:
        raise ValueError("the counter accepts these calls already")
    locked.accepts_from = moment
    locked.save(update_fields=["accepts_from"])
    _record(
        locked,
        actor,
        "counter.accepts_earlier",
        {"accepts_from": before.isoformat()},
        {"accepts_from": moment.isoformat()},
    )


@transaction.atomic
def remove_counter(*, counter: Counter, actor: User | None, now: datetime) -> None:
    """Remove the counter from the cabinet; its history and settings are kept for a later adding."""
    locked = _locked(counter)
    locked.removed_at = now
    locked.save(update_fields=["removed_at"])
    _record(locked, actor, "counter.removed", {}, {"number": locked.number, "name": locked.name})
    counter_changed.send(sender=Counter, counter=locked)


def _refusal_of(available: AvailableCounter | None) -> str | Promise:
    if available is None:
        return NOT_SEEN
    if available.already_added:
        return ALREADY_ADDED
    return NO_EDITING if available.disabled_reason else ""


def _add(
    account: YandexAccount, info: CounterInfo, actor: User | None, now: datetime
) -> Counter | None:
    """Create the counter, restore it, or move it from an account that lost it.

    None when another request has added it since the list was fetched.
    """
    new = facts_of(info) | {"account": account, "added_at": now}
    counter, is_new = (
        Counter.objects.select_for_update(of=("self",))
        .select_related("account", "cabinet")
        .get_or_create(cabinet_id=account.cabinet_id, number=info.number, defaults=new)
    )
    if is_new:
        # No signal: no call waits for a new counter.
        _record_adding(counter, actor, "counter.added")
        return counter
    if not counter.is_removed and counter.is_reachable:
        return None
    _restore(counter, account, info, actor, now)
    return counter


def _restore(
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
        "routing_changed_at": now,
    }
    action = "counter.account_changed"
    if counter.is_removed:
        # As with a new one, nothing is sent until a person has saved the settings.
        values |= {
            "removed_at": None,
            "configured_at": None,
            "accepts_from": None,
            "added_at": now,
        }
        action = "counter.revived"
    for name, value in values.items():
        setattr(counter, name, value)
    counter.save(update_fields=list(values))
    _record_adding(counter, actor, action)
    counter_changed.send(sender=Counter, counter=counter)


def _record_adding(counter: Counter, actor: User | None, action: str) -> None:
    after = {"number": counter.number, "name": counter.name, "account": counter.account.login}
    _record(counter, actor, action, {}, after)


def _locked(counter: Counter) -> Counter:
    """Lock the row and return it. Raises Counter.DoesNotExist when it was removed."""
    return (
        Counter.objects.present()
        .select_for_update(of=("self",))
        .select_related("cabinet")
        .get(pk=counter.pk)
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
