"""What blocks a counter's calls now: its switch, its account, its access, a halt, or a pause."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Value
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calls.states import Channel
from counters.causes import goal_cause_of
from counters.models import Counter
from counters.pages.status import NOT_SAVED, OFF, stop_status_of
from integrations.installation.words import cabinet_sentence, stored_reason
from integrations.limits.pauses import ALL_LOGINS, COUNTER_PREFIX
from integrations.models import Installation, RequestDay, YandexAccount

#: Key of a halt of the whole installation among the pauses, which have the keys of logins.
HALT = "halt"


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
    named = named_blockers_of(counters, now=now)
    return {pk: sentence for pk, (sentence, _is_halt) in named.items()}


def named_blockers_of(counters: Iterable[Counter], *, now: datetime) -> dict[int, tuple[str, bool]]:
    """Return with each sentence whether it is a halt of the whole installation."""
    counters = list(counters)
    pauses = _pauses({HALT, *(key for one in counters for key in _pause_keys(one))}, now)
    return {one.pk: _first_blocker(one, pauses) for one in counters}


def _first_blocker(counter: Counter, pauses: dict[str, str]) -> tuple[str, bool]:
    own = _own_blocker(counter)
    key = next((key for key in _pause_keys(counter) if key in pauses), "")
    return own or pauses.get(key, ""), not own and key == HALT


def pauses_of_accounts(accounts: Iterable[YandexAccount], *, now: datetime) -> dict[int, str]:
    """Return in Russian the pauses of accounts by id, in one query; accounts without are left out.

    A pause of all logins, and a halt of the installation, stops each of them.
    """
    accounts = list(accounts)
    pauses = _pauses({HALT, ALL_LOGINS, *(account.yandex_uid for account in accounts)}, now)
    every = pauses.get(ALL_LOGINS, "")
    named = {one.pk: pauses.get(HALT) or pauses.get(one.yandex_uid) or every for one in accounts}
    return {pk: text for pk, text in named.items() if text}


def _pause_keys(counter: Counter) -> tuple[str, str, str, str]:
    """Return the keys of what stops the counter: a halt, pauses of its login, its own, of all."""
    return HALT, counter.account.yandex_uid, f"{COUNTER_PREFIX}{counter.number}", ALL_LOGINS


def _own_blocker(counter: Counter) -> str:
    stopped = stop_status_of(counter)
    if stopped is None or stopped is NOT_SAVED:
        return ""
    if stopped is OFF:
        return _("Счетчик выключен. %(sentence)s") % {"sentence": stopped.sentence}
    return str(stopped.sentence)


def _pauses(keys: Iterable[str], now: datetime) -> dict[str, str]:
    """Return the sentences by key, in one query: of the last pause of each key, and of a halt."""
    paused = RequestDay.objects.filter(yandex_uid__in=keys, paused_until__gt=now)
    row = Installation.objects.annotate(key=Value(HALT))
    every = paused.values_list("yandex_uid", "paused_until", Value(""), Value("")).union(
        row.values_list("key", "halted_at", "kind", "halt_reason"), all=True
    )
    named = {
        key: _pause(at) if key != HALT else cabinet_sentence(stored_reason(kind, reason))
        for key, at, kind, reason in sorted(every, key=lambda one: one[1] or now)
    }
    return {key: sentence for key, sentence in named.items() if sentence}


def _pause(until: datetime) -> str:
    text = _("Исчерпан лимит запросов Яндекса: продолжим %(moment)s.")
    return text % {"moment": date_format(timezone.localtime(until), "j E, H:i")}
