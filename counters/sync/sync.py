"""Notices what changed in Metrika: renamed, moved to another site, deleted, access lost or back.

One list request per account settles all its counters. A counter that its account lost is handed to
another account of the cabinet as soon as that one is seen to reach it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from cabinets import audit
from counters.models import Counter
from counters.signals import counter_changed
from counters.sync.available import facts_of, is_reachable, seen_counters
from counters.sync.goals import refresh_goals
from integrations.api_call import RECONNECT, MetrikaUnavailable, call_metrika
from integrations.models import YandexAccount
from integrations.tokens import refresh
from integrations.tokens.account_state import Reason
from integrations.yandex.records import CounterInfo

logger = logging.getLogger(__name__)

#: A renamed or lost counter is noticed within the hour, at 24 of the login's 5,000 requests a day.
REFRESH_EVERY = timedelta(hours=1)
#: Presses of an impatient person within this time are one look.
AT_ONCE_EVERY = timedelta(seconds=5)
#: Goals cost a request per counter; a chosen goal that vanished is noticed within a day.
GOALS_EVERY = timedelta(days=1)
#: Keeps one run of a login with many counters short; the next run takes the next ones.
GOALS_PER_RUN = 20
REFUSALS_TO_BELIEVE = 2
#: What a decision about a call reads of these facts.
DECIDING_FACTS = frozenset({"site_host", "mirror_hosts"})


def due(now: datetime, *, most: int = 200) -> list[int]:
    """Return ids of usable accounts of cabinets with counters, looked at over an hour ago."""
    present = Counter.objects.filter(cabinet=OuterRef("cabinet"), removed_at__isnull=True)
    stale = Q(counters_refreshed_at__isnull=True) | Q(
        counters_refreshed_at__lte=now - REFRESH_EVERY
    )
    accounts = YandexAccount.objects.filter(
        stale, Exists(present), state__in=YandexAccount.USABLE
    ).order_by("counters_refreshed_at")
    return list(accounts.values_list("pk", flat=True)[:most])


def refresh_account(account_id: int, *, now: datetime) -> bool:
    """Ask Metrika what the account sees and bring the cabinet's counters up to date.

    Return False when another process is at it, nothing is due, or Metrika gave no answer; then
    nothing changes and the next tick tries again.
    """
    account = _claim(account_id, now, every=REFRESH_EVERY)
    if account is None:
        return False
    try:
        _look(account, now)
    except MetrikaUnavailable as problem:
        logger.info("account %s: counters not refreshed: %s", account_id, problem)
        return False
    _refresh_stale_goals(account, now)
    return True


def refresh_now(account_id: int, *, now: datetime) -> None:
    """Do the same for a person who will not wait for the hour, without the goals.

    Raises asking.NotAnswered; then nothing changes. What was looked at a moment ago is not asked
    for again.
    """
    account = YandexAccount.objects.get(pk=account_id)
    if not account.is_usable:
        raise MetrikaUnavailable(RECONNECT)
    claimed = _claim(account_id, now, every=AT_ONCE_EVERY)
    if claimed is not None:
        _look(claimed, now)


def _look(account: YandexAccount, now: datetime) -> None:
    """Ask, and bring the counters up to date. Raises asking.NotAnswered and gives the mark back."""
    try:
        seen = {info.number: info for info in seen_counters(account)}
        deleted = _deleted_among_missing(account, set(seen))
    except MetrikaUnavailable:
        _give_back(account, now)
        raise
    _believe_refusals(account, seen)
    for counter_id in _concerned(account, set(seen)):
        _bring_up_to_date(counter_id, account, seen, deleted, now)


def _believe_refusals(account: YandexAccount, seen: dict[int, CounterInfo]) -> None:
    """Ask for a new link when uploads are refused although the list says that they are allowed.

    Once may be a right that was taken and given back in between; twice in a row is the token's own
    lack of the right. The counters are not at fault.
    """
    allowed = [number for number, info in seen.items() if info.can_upload]
    refused = Counter.objects.filter(
        account=account, number__in=allowed, refused_uploads__gte=REFUSALS_TO_BELIEVE
    )
    if refused.update(refused_uploads=0):
        refresh.mark_reauth_required(account.pk, Reason.SCOPE_LOST)


def _claim(account_id: int, now: datetime, *, every: timedelta) -> YandexAccount | None:
    """Move the mark before asking; of two rivals one update finds no row."""
    account = YandexAccount.objects.filter(pk=account_id).first()
    if account is None or not account.is_usable or not _is_due(account, now, every):
        return None
    mine = YandexAccount.objects.filter(
        pk=account_id, counters_refreshed_at=account.counters_refreshed_at
    )
    if account.counters_refreshed_at is None:
        mine = YandexAccount.objects.filter(pk=account_id, counters_refreshed_at__isnull=True)
    return account if mine.update(counters_refreshed_at=now) else None


def _is_due(account: YandexAccount, now: datetime, every: timedelta) -> bool:
    before = account.counters_refreshed_at
    return before is None or before <= now - every


def _give_back(account: YandexAccount, now: datetime) -> None:
    YandexAccount.objects.filter(pk=account.pk, counters_refreshed_at=now).update(
        counters_refreshed_at=account.counters_refreshed_at
    )


def _concerned(account: YandexAccount, seen: set[int]) -> list[int]:
    """Return ids of the cabinet's counters that this account has, or sees with another account."""
    return list(
        Counter.objects.filter(cabinet_id=account.cabinet_id, removed_at__isnull=True)
        .filter(Q(account=account) | Q(number__in=seen))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def _deleted_among_missing(account: YandexAccount, seen: set[int]) -> set[int]:
    """Return which of the account's counters Metrika calls deleted; asked only if some are gone."""
    missing = Counter.objects.filter(account=account, removed_at__isnull=True).exclude(
        number__in=seen
    )
    numbers = set(missing.values_list("number", flat=True))
    if not numbers:
        return set()
    deleted = call_metrika(account, lambda client: client.counters(deleted=True))
    return numbers & {info.number for info in deleted}


@transaction.atomic
def _bring_up_to_date(
    counter_id: int,
    account: YandexAccount,
    seen: dict[int, CounterInfo],
    deleted: set[int],
    now: datetime,
) -> None:
    counter = (
        Counter.objects.select_for_update(of=("self",))
        .select_related("account", "cabinet")
        .filter(pk=counter_id, removed_at__isnull=True)
        .first()
    )
    if counter is None:
        return
    info = seen.get(counter.number)
    if counter.account_id == account.pk:
        _follow(counter, info, counter.number in deleted, now)
    elif info and info.can_upload and not is_reachable(counter):
        _hand_over(counter, account, info, now)


def _follow(counter: Counter, info: CounterInfo | None, is_deleted: bool, now: datetime) -> None:
    access = _access_of(info, is_deleted)
    changes = facts_of(info) if info else {}
    if access != counter.access:
        changes |= {"access": access, "access_changed_at": now}
        if access != Counter.Access.OK:
            _wake_other_accounts(counter)
    _apply(counter, changes, "counter.seen_in_metrika")


def _hand_over(counter: Counter, account: YandexAccount, info: CounterInfo, now: datetime) -> None:
    changes = facts_of(info) | {"account": account, "access": Counter.Access.OK}
    _apply(counter, changes | {"access_changed_at": now}, "counter.account_changed")


def _access_of(info: CounterInfo | None, is_deleted: bool) -> str:
    if info:
        return Counter.Access.OK if info.can_upload else Counter.Access.VIEW_ONLY
    return Counter.Access.DELETED if is_deleted else Counter.Access.LOST


def _wake_other_accounts(counter: Counter) -> None:
    """Let the cabinet's other accounts look at once: one of them may reach the counter."""
    YandexAccount.objects.filter(
        cabinet_id=counter.cabinet_id, state__in=YandexAccount.USABLE
    ).exclude(pk=counter.account_id).update(counters_refreshed_at=None)


def _apply(counter: Counter, values: dict[str, Any], action: str) -> None:
    changed = {name for name, value in values.items() if getattr(counter, name) != value}
    if not changed:
        return
    before = {name: _plain(getattr(counter, name)) for name in changed}
    for name in changed:
        setattr(counter, name, values[name])
    counter.save(update_fields=changed)
    after = {name: _plain(values[name]) for name in changed}
    audit.log_change(
        cabinet=counter.cabinet,
        actor=None,
        action=action,
        subject=counter,
        before=before,
        after=after,
    )
    if changed & (DECIDING_FACTS | {"access", "account"}):
        counter_changed.send(sender=Counter, counter=counter)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.login if isinstance(value, YandexAccount) else value


def _refresh_stale_goals(account: YandexAccount, now: datetime) -> None:
    stale = (
        Counter.objects.select_related("account")
        .filter(account=account, removed_at__isnull=True, goal__isnull=False)
        .filter(access=Counter.Access.OK)
        .filter(Q(goals_refreshed_at__isnull=True) | Q(goals_refreshed_at__lte=now - GOALS_EVERY))
        .order_by("goals_refreshed_at")[:GOALS_PER_RUN]
    )
    for counter in stale:
        try:
            refresh_goals(counter, now=now)
        except MetrikaUnavailable as problem:
            logger.info("counter %s: goals not refreshed: %s", counter.pk, problem)
            return
