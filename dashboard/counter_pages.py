"""What the pages of counters show, in a fixed number of queries. A door: it counts in `calls`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.urls import reverse

from cabinets.models import Cabinet
from calls.queries.blockers import blocker_of
from calls.queries.stats import SentTotals, sent_totals
from counters.models import Counter
from counters.pages.status import TONE_OF_ACCOUNT, status_of_counter
from counters.selection import present_counters
from integrations.models import YandexAccount

Row = dict[str, Any]
NEVER = datetime.min.replace(tzinfo=UTC)


def _by_name(row: Row) -> Any:
    return row["counter"].name.casefold(), row["counter"].number


def _by_sync(row: Row) -> Any:
    """What waits for its settings comes first: nobody would find it below what works."""
    return row["awaits_setup"], row["synced_at"] or NEVER


#: Orders of the list: by what, and whether the greatest comes first. Equal ones stand by name.
SORTS: dict[str, tuple[Callable[[Row], Any], bool]] = {
    "synced": (_by_sync, True),
    "name": (_by_name, False),
    "sent": (lambda row: row["sent_total"], True),
    "added": (lambda row: row["counter"].added_at, True),
}
DEFAULT_SORT = "synced"


def list_context(
    cabinet: Cabinet, *, account_filter: int | None, sort: str, now: datetime
) -> dict[str, Any]:
    """Return what the list of counters needs: four queries, however many counters there are."""
    accounts = [_account(account) for account in _accounts(cabinet)]
    if account_filter not in {item["account"].pk for item in accounts}:
        account_filter = None
    sort = sort if sort in SORTS else DEFAULT_SORT
    return {
        "accounts": accounts,
        "account_filter": account_filter,
        "sort": sort,
        "rows": _sorted(_rows(cabinet, account_filter, now), sort),
        "add_url": next((item["urls"]["add"] for item in accounts if item["urls"]["add"]), ""),
        "removed": _removed(cabinet),
    }


def _removed(cabinet: Cabinet) -> list[dict[str, Any]]:
    """Return the counters that were removed, the latest first: their history stays."""
    removed = cabinet.counters.filter(removed_at__isnull=False).order_by("-removed_at")
    return [
        {"counter": counter, "url": reverse("calls:history", args=[counter.pk])}
        for counter in removed
    ]


def settings_info(counter: Counter, *, now: datetime) -> dict[str, Any]:
    """Return the read-only facts of the settings window. Never a token."""
    sent = sent_totals([counter], now=now)[counter.pk]
    status = status_of_counter(counter)
    blocker = blocker_of(counter, now=now)
    return {
        "account": counter.account.login,
        "owner": counter.owner_login,
        "connected_at": counter.added_at,
        "accepts_from": counter.configured_at,
        "state_text": blocker or status.text,
        "state_tone": "warning" if blocker and status.is_fine else status.tone,
        "synced_at": counter.last_synced_at,
        "sent_total": sent.total,
        "sent_today": sent.today,
        "sparkline": sent.by_day,
        "metrika_url": metrika_url(counter),
        "history_url": reverse("calls:history", args=[counter.pk]),
        "delete_url": reverse("counters:delete", args=[counter.pk]),
        "goals_url": reverse("counters:refresh-goals", args=[counter.pk]),
        "goals_at": counter.goals_refreshed_at,
        "check_url": _check_url_of(counter),
    }


def check_url(account: YandexAccount) -> str:
    """Return where to ask at once what the account may do; empty when it cannot be asked."""
    return reverse("counters:check-access", args=[account.pk]) if account.is_usable else ""


def _check_url_of(counter: Counter) -> str:
    return "" if counter.access == Counter.Access.OK else check_url(counter.account)


def metrika_url(counter: Counter) -> str:
    """Return the counter's page in Metrika."""
    return f"{settings.METRIKA_WEB_URL}/dashboard?id={counter.number}"


def _accounts(cabinet: Cabinet) -> list[YandexAccount]:
    """Return linked accounts, and cut ones whose counters are still here, with their counts."""
    present = Q(counters__removed_at__isnull=True)
    barred = present & ~Q(counters__access=Counter.Access.OK)
    counted = YandexAccount.objects.filter(cabinet=cabinet).annotate(
        counters_count=Count("counters", filter=present),
        barred_count=Count("counters", filter=barred),
    )
    is_shown = ~Q(state=YandexAccount.State.DISCONNECTED) | Q(counters_count__gt=0)
    return list(counted.filter(is_shown).order_by("login", "pk"))


def _account(account: Any) -> dict[str, Any]:
    """``account`` is a YandexAccount of `_accounts`, with its count."""
    is_cut = account.state == YandexAccount.State.DISCONNECTED
    return {
        "account": account,
        "state_text": account.get_state_display(),
        "state_tone": TONE_OF_ACCOUNT[account.state],
        "counters_count": account.counters_count,
        "urls": {
            "add": reverse("counters:add", args=[account.pk]) if account.is_usable else "",
            "check": check_url(account) if account.barred_count else "",
            "reconnect": reverse("integrations:link-reauthorise", args=[account.pk]),
            "disconnect": ""
            if is_cut
            else reverse("integrations:account-disconnect", args=[account.pk]),
        },
    }


def _rows(cabinet: Cabinet, account_filter: int | None, now: datetime) -> list[Row]:
    present = present_counters(cabinet)
    if account_filter is not None:
        present = present.filter(account_id=account_filter)
    counters = list(present)
    totals = sent_totals(counters, now=now)
    return [_row(counter, totals[counter.pk]) for counter in counters]


def _row(counter: Counter, sent: SentTotals) -> Row:
    status = status_of_counter(counter)
    return {
        "counter": counter,
        "account": counter.account,
        "site": counter.site,
        "synced_at": counter.last_synced_at,
        "sent_total": sent.total,
        "sparkline": sent.by_day,
        "goal_name": counter.goal.name if counter.goal else "",
        "send_calls": counter.send_calls,
        "enabled": counter.enabled,
        "awaits_setup": counter.configured_at is None,
        "state_text": "" if status.is_fine else status.text,
        "state_tone": status.tone,
        "urls": {
            "settings": reverse("counters:settings", args=[counter.pk]),
            "switch": reverse("counters:switch", args=[counter.pk]),
            "history": reverse("calls:history", args=[counter.pk]),
            "check": _check_url_of(counter),
        },
    }


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    key, greatest_first = SORTS[sort]
    return sorted(sorted(rows, key=_by_name), key=key, reverse=greatest_first)
