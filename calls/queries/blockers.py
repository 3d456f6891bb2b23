"""What blocks a counter's calls now: its switch, its account, its access, or a pause."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calls.states import Channel
from counters.causes import goal_cause_of
from counters.models import Counter
from counters.pages.status import NOT_SAVED, OFF, stop_status_of
from integrations.limits.pauses import ALL_LOGINS, COUNTER_PREFIX
from integrations.models import RequestDay, YandexAccount


def of_channel(counter: Counter, channel: int, blocker: str) -> str:
    """Return the counter's blocker, else what blocks this channel alone; '' when nothing does.

    Load the counter with its goal.
    """
    if blocker or channel != Channel.GOAL:
        return blocker
    lost_goal = goal_cause_of(counter)
    return str(lost_goal.sentence) if lost_goal else ""


def blocker_of(counter: Counter, *, now: datetime) -> str:
    """Return in Russian why nothing of this counter is sent now; '' when nothing blocks."""
    return blockers_of([counter], now=now)[counter.pk]


def blockers_of(counters: Iterable[Counter], *, now: datetime) -> dict[int, str]:
    """Return the same by counter id, in one query. Load the counters with their accounts."""
    counters = list(counters)
    pauses = _pauses({key for counter in counters for key in _pause_keys(counter)}, now)
    return {
        counter.pk: _own_blocker(counter)
        or next((pauses[key] for key in _pause_keys(counter) if key in pauses), "")
        for counter in counters
    }


def pauses_of_accounts(accounts: Iterable[YandexAccount], *, now: datetime) -> dict[int, str]:
    """Return in Russian the pauses of accounts by id, in one query; accounts without are left out.

    A pause of all logins stops each of them.
    """
    accounts = list(accounts)
    pauses = _pauses({ALL_LOGINS, *(account.yandex_uid for account in accounts)}, now)
    named = {one.pk: pauses.get(one.yandex_uid) or pauses.get(ALL_LOGINS, "") for one in accounts}
    return {pk: text for pk, text in named.items() if text}


def _pause_keys(counter: Counter) -> tuple[str, str, str]:
    """Return the keys of the pauses that stop the counter: its login's, its own, all logins'."""
    return counter.account.yandex_uid, f"{COUNTER_PREFIX}{counter.number}", ALL_LOGINS


def _own_blocker(counter: Counter) -> str:
    stopped = stop_status_of(counter)
    if stopped is None or stopped is NOT_SAVED:
        return ""
    if stopped is OFF:
        return _("Счетчик выключен. %(sentence)s") % {"sentence": stopped.sentence}
    return str(stopped.sentence)


def _pauses(keys: Iterable[str], now: datetime) -> dict[str, str]:
    paused = RequestDay.objects.filter(yandex_uid__in=keys, paused_until__gt=now)
    return {one.yandex_uid: _pause(one) for one in paused.order_by("paused_until")}


def _pause(paused: RequestDay) -> str:
    text = _("Исчерпан лимит запросов Яндекса: продолжим %(moment)s.")
    until = paused.paused_until or timezone.now()
    return text % {"moment": date_format(timezone.localtime(until), "j E, H:i")}
