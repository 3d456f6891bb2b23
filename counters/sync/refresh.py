"""Copies changes from Metrika: name, site, deletion, access lost or regained.

One list request per account covers all its counters. A counter that its account lost is moved to
another account of the cabinet as soon as the list of that one shows the right to upload.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q
from django.utils import timezone

from cabinets import audit
from counters import stops
from counters.models import Counter
from counters.signals import counter_changed
from counters.states import StopCause
from counters.sync.available import facts_of, visible_counters
from counters.sync.goals import refresh_goals
from integrations.api_call import RECONNECT, MetrikaUnavailable, call_metrika
from integrations.models import YandexAccount
from integrations.tokens.account_state import Reason
from integrations.tokens.refresh import mark_reauth_required
from integrations.yandex.records import CounterInfo

logger = logging.getLogger(__name__)

#: A renamed or lost counter is noticed within the hour, at 24 of the login's 5,000 requests a day.
REFRESH_INTERVAL = timedelta(hours=1)
#: «Проверить сейчас» within this time after a refresh makes no request.
MANUAL_REFRESH_INTERVAL = timedelta(seconds=5)
#: Goals cost a request per counter; a chosen goal that vanished is noticed within a day.
GOALS_INTERVAL = timedelta(days=1)
#: Keeps one run of a login with many counters short; the next run takes the next ones.
GOALS_PER_RUN = 20
REFUSALS_BEFORE_RELINK = 2
#: Columns of these facts that decisions about calls read.
DECISION_COLUMNS = frozenset({"site_host", "mirror_hosts"})


def due(now: datetime, *, most: int = 200) -> list[int]:
    """Return ids of usable accounts of cabinets with counters, refreshed over an hour ago."""
    present = Counter.objects.present().filter(cabinet=OuterRef("cabinet"))
    stale = Q(counters_refreshed_at=None) | Q(counters_refreshed_at__lte=now - REFRESH_INTERVAL)
    accounts = YandexAccount.objects.usable().filter(stale, Exists(present))
    return list(accounts.order_by("counters_refreshed_at").values_list("pk", flat=True)[:most])


def refresh_account(account_id: int, *, now: datetime) -> bool:
    """Fetch what the account sees in Metrika and update the cabinet's counters, and stale goals.

    Return False when another process has claimed the account, it is not due, or Metrika gave no
    answer; then nothing changes and the next run tries again.
    """
    account = _claim(account_id, now, interval=REFRESH_INTERVAL)
    if account is None:
        return False
    try:
        _refresh_counters(account, now)
    except MetrikaUnavailable as problem:
        logger.info("account %s: counters not refreshed: %s", account_id, problem)
        return False
    _refresh_stale_goals(account, now)
    return True


def refresh_now(account_id: int, *, now: datetime) -> None:
    """Do the same at a person's request, whether it is due or not, without the goals.

    Raises MetrikaUnavailable; then nothing changes. Within MANUAL_REFRESH_INTERVAL of the last
    refresh no request is made.
    """
    account = YandexAccount.objects.get(pk=account_id)
    if not account.is_usable:
        raise MetrikaUnavailable(RECONNECT)
    claimed = _claim(account_id, now, interval=MANUAL_REFRESH_INTERVAL)
    if claimed is not None:
        _refresh_counters(claimed, now)


def _refresh_counters(account: YandexAccount, now: datetime) -> None:
    """Fetch the lists and update the counters. Raises MetrikaUnavailable and releases the claim."""
    try:
        seen = {info.number: info for info in visible_counters(account)}
        deleted = _deleted_among_missing(account, set(seen))
    except MetrikaUnavailable:
        _release(account, now)
        raise
    _require_relink_if_refused(account, seen, now)
    for counter_id in _affected_counters(account, set(seen)):
        _refresh_counter(counter_id, account, seen, deleted, now)


def _require_relink_if_refused(
    account: YandexAccount, seen: dict[int, CounterInfo], now: datetime
) -> None:
    """Act on uploads that are refused although the list says that they are allowed.

    One refusal may be a right that was withdrawn and given back in between; two in a row mean that
    the token lacks the right, so the account needs a new link. The counters keep their access. But
    when Metrika takes uploads of the account's other counters meanwhile, it is not the token: then
    the counter is stopped.
    """
    allowed = [number for number, info in seen.items() if info.can_upload]
    refused = Counter.objects.filter(
        account=account, number__in=allowed, refused_uploads__gte=REFUSALS_BEFORE_RELINK
    )
    taken_at = account.counters.aggregate(last=Max("last_synced_at"))["last"]
    for counter in refused.filter(access_changed_at__lt=taken_at) if taken_at else ():
        stops.stop(counter.pk, StopCause.REJECTING, now=now)
        Counter.objects.filter(pk=counter.pk).update(refused_uploads=0)
    if refused.update(refused_uploads=0):
        mark_reauth_required(account.pk, Reason.SCOPE_LOST)


def _claim(account_id: int, now: datetime, *, interval: timedelta) -> YandexAccount | None:
    """Claim the refresh (compare-and-set on `counters_refreshed_at`) before the request.

    Return the account with the former value, for `_release`; None if it is not due, cannot be used,
    or another process has claimed it.
    """
    account = YandexAccount.objects.filter(pk=account_id).first()
    if account is None or not account.is_usable or not _is_due(account, now, interval):
        return None
    unchanged = YandexAccount.objects.filter(
        pk=account_id, counters_refreshed_at=account.counters_refreshed_at
    )
    return account if unchanged.update(counters_refreshed_at=now) else None


def _is_due(account: YandexAccount, now: datetime, interval: timedelta) -> bool:
    before = account.counters_refreshed_at
    return before is None or before <= now - interval


def _release(account: YandexAccount, now: datetime) -> None:
    """Undo the claim, unless another process has claimed the account since."""
    YandexAccount.objects.filter(pk=account.pk, counters_refreshed_at=now).update(
        counters_refreshed_at=account.counters_refreshed_at
    )


def _affected_counters(account: YandexAccount, seen: set[int]) -> list[int]:
    """Return ids of the cabinet's counters that this account has, or sees with another account."""
    present = Counter.objects.present().filter(cabinet_id=account.cabinet_id)
    affected = present.filter(Q(account=account) | Q(number__in=seen))
    return list(affected.order_by("pk").values_list("pk", flat=True))


def _deleted_among_missing(account: YandexAccount, seen: set[int]) -> set[int]:
    """Return which of the account's counters Metrika calls deleted; a request only if some miss."""
    missing = account.counters.present().exclude(number__in=seen)
    numbers = set(missing.values_list("number", flat=True))
    if not numbers:
        return set()
    deleted = call_metrika(account, lambda client: client.counters(deleted=True))
    return numbers & {info.number for info in deleted}


@transaction.atomic
def _refresh_counter(
    counter_id: int,
    account: YandexAccount,
    seen: dict[int, CounterInfo],
    deleted: set[int],
    now: datetime,
) -> None:
    counter = (
        Counter.objects.present()
        .select_for_update(of=("self",))
        .select_related("account", "cabinet")
        .filter(pk=counter_id)
        .first()
    )
    if counter is None:
        return
    info = seen.get(counter.number)
    if counter.account_id == account.pk:
        _update(counter, info, counter.number in deleted, now)
    elif info and info.can_upload and not counter.is_reachable:
        _move(counter, account, info, now)


def _update(counter: Counter, info: CounterInfo | None, is_deleted: bool, now: datetime) -> None:
    access = _access_of(info, is_deleted)
    changes = facts_of(info) if info else {}
    if access != counter.access:
        changes |= {"access": access, "access_changed_at": now}
        if access != Counter.Access.OK:
            _make_other_accounts_due(counter)
    _apply(counter, changes, "counter.seen_in_metrika")


def _move(counter: Counter, account: YandexAccount, info: CounterInfo, now: datetime) -> None:
    changes = facts_of(info) | {"account": account, "access": Counter.Access.OK}
    _apply(counter, changes | {"access_changed_at": now}, "counter.account_changed")


def _access_of(info: CounterInfo | None, is_deleted: bool) -> str:
    if info:
        return Counter.Access.OK if info.can_upload else Counter.Access.VIEW_ONLY
    return Counter.Access.DELETED if is_deleted else Counter.Access.LOST


def _make_other_accounts_due(counter: Counter) -> None:
    """Refresh the cabinet's other accounts on the next run: one of them may reach the counter."""
    others = YandexAccount.objects.usable().exclude(pk=counter.account_id)
    others.filter(cabinet_id=counter.cabinet_id).update(counters_refreshed_at=None)


def _apply(counter: Counter, values: dict[str, Any], action: str) -> None:
    changed = {name for name, value in values.items() if getattr(counter, name) != value}
    if not changed:
        return
    before = {name: _plain(getattr(counter, name)) for name in changed}
    for name in changed:
        setattr(counter, name, values[name])
    counter.save(update_fields=changed)
    if changed & DECISION_COLUMNS:
        Counter.objects.filter(pk=counter.pk).update(routing_changed_at=timezone.now())
    after = {name: _plain(values[name]) for name in changed}
    audit.log_change(
        cabinet=counter.cabinet,
        actor=None,
        action=action,
        subject=counter,
        before=before,
        after=after,
    )
    if changed & (DECISION_COLUMNS | {"access", "account"}):
        counter_changed.send(sender=Counter, counter=counter)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.login if isinstance(value, YandexAccount) else value


def _refresh_stale_goals(account: YandexAccount, now: datetime) -> None:
    stale = (
        Counter.objects.present()
        .select_related("account")
        .filter(account=account, access=Counter.Access.OK, goal__isnull=False)
        .filter(Q(goals_refreshed_at=None) | Q(goals_refreshed_at__lte=now - GOALS_INTERVAL))
        .order_by("goals_refreshed_at")[:GOALS_PER_RUN]
    )
    for counter in stale:
        try:
            refresh_goals(counter, now=now)
        except MetrikaUnavailable as problem:
            logger.info("counter %s: goals not refreshed: %s", counter.pk, problem)
            return
