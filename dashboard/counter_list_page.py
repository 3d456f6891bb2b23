"""Template context of the list of counters, in a fixed number of queries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.urls import reverse

from cabinets.models import Cabinet
from calls.queries.blockers import pauses_of_accounts
from calls.queries.stats import SentTotals, sent_totals
from counters.causes import stop_of
from counters.models import Counter
from counters.pages.status import TONE_OF_ACCOUNT
from dashboard.counter_selection import Selection, chosen_counters
from dashboard.counter_states import CounterState, counter_states
from dashboard.links import (
    account_check_url,
    counter_check_label,
    counter_check_url,
    sent_calls_url,
    sent_noun,
)
from integrations.models import YandexAccount

Row = dict[str, Any]
#: Counters on a page of the list.
PAGE_SIZE = 50


def list_context(
    cabinet: Cabinet, selection: Selection, *, page: int, now: datetime
) -> dict[str, Any]:
    """Return the template's context, in a number of queries that does not grow with the counters.

    A page that does not exist is the last one.
    """
    linked = _accounts(cabinet)
    pauses = pauses_of_accounts(linked, now=now)
    accounts = [_account(account, pauses.get(account.pk, "")) for account in linked]
    selection = selection.known().of_accounts(item["account"].pk for item in accounts)
    found = chosen_counters(cabinet, selection, now=now)
    shown = Paginator(found, PAGE_SIZE).get_page(page)
    return {
        "accounts": accounts,
        "account_filter": selection.account,
        "selection": selection,
        "sort": selection.sort,
        "rows": _rows(cabinet, list(shown.object_list), now),
        "page": shown,
        "pages": shown.paginator.get_elided_page_range(shown.number, on_each_side=2, on_ends=1),
        "found_count": len(found),
        "add_url": next((item["urls"]["add"] for item in accounts if item["urls"]["add"]), ""),
        "removed": _removed(cabinet),
    }


def _removed(cabinet: Cabinet) -> list[dict[str, Any]]:
    """Return the removed counters, the latest first, with the URL of their history."""
    removed = cabinet.counters.removed().order_by("-removed_at")
    return [
        {"counter": counter, "url": reverse("calls:history", args=[counter.pk])}
        for counter in removed
    ]


def _accounts(cabinet: Cabinet) -> list[YandexAccount]:
    """Return linked accounts, and disconnected ones with counters, with numbers of counters."""
    present = Q(counters__removed_at=None)
    without_access = present & ~Q(counters__access=Counter.Access.OK)
    counted = cabinet.yandex_accounts.annotate(
        counters_count=Count("counters", filter=present),
        without_access_count=Count("counters", filter=without_access),
    )
    is_shown = ~Q(state=YandexAccount.State.DISCONNECTED) | Q(counters_count__gt=0)
    return list(counted.filter(is_shown).order_by("login", "pk"))


def _account(account: Any, pause: str) -> dict[str, Any]:
    """``account`` is a YandexAccount of `_accounts`, with its counts; ``pause`` stops it now."""
    return {
        "account": account,
        "state_text": account.get_state_display(),
        "state_tone": TONE_OF_ACCOUNT[account.state],
        "pause": pause if account.is_usable else "",
        "counters_count": account.counters_count,
        "urls": {
            "add": reverse("counters:add", args=[account.pk]) if account.is_usable else "",
            "check": account_check_url(account) if account.without_access_count else "",
            "reconnect": reverse("integrations:link-reauthorise", args=[account.pk]),
            "disconnect": reverse("integrations:account-disconnect", args=[account.pk])
            if account.is_linked
            else "",
        },
    }


def _rows(cabinet: Cabinet, counters: list[Counter], now: datetime) -> list[Row]:
    totals = sent_totals(counters, now=now)
    states = counter_states(cabinet, counters, now=now)
    return [_row(counter, totals[counter.pk], states[counter.pk]) for counter in counters]


def _row(counter: Counter, sent: SentTotals, state: CounterState) -> Row:
    return {
        "counter": counter,
        "account": counter.account,
        "site": counter.site,
        "synced_at": counter.last_synced_at,
        "sent_total": sent.total,
        "sent_noun": sent_noun(counter, sent.total or 0),
        "sparkline": sent.by_day,
        "sent_parts": sent.links.parts(),
        "goal_name": counter.goal.name if counter.goal else "",
        "send_calls": counter.send_calls,
        "enabled": counter.enabled,
        "awaits_setup": counter.configured_at is None,
        "state": None if state.is_fine else state,
        "cause": _cause(counter),
        "check_label": counter_check_label(counter),
        "urls": {
            "settings": reverse("counters:settings", args=[counter.pk]),
            "switch": reverse("counters:switch", args=[counter.pk]),
            "history": reverse("calls:history", args=[counter.pk]),
            "sent": sent_calls_url(counter),
            "check": counter_check_url(counter),
        },
    }


def _cause(counter: Counter) -> str:
    """Return what stops the counter, unless its account does: that is in the account's row."""
    cause = stop_of(counter) if counter.account.is_usable else None
    return str(cause.sentence) if cause else ""
