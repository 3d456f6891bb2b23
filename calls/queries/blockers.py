"""What blocks a counter's calls now: its switch, account, access, a halt, a pause, a list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, CharField, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.delivery.look import is_read_sql
from calls.models import ListUse
from calls.states import Channel
from counters.causes import goal_cause_of
from counters.models import Counter
from counters.pages.status import NOT_SAVED, OFF, stop_status_of
from integrations.installation.words import cabinet_sentence, stored_reason
from integrations.limits.pauses import ALL_LOGINS, COUNTER_PREFIX
from integrations.models import Installation, RequestDay, YandexAccount

#: Key of a halt of the whole installation among the pauses, which have the keys of logins.
HALT = "halt"
#: The same of lists that have to be read before a send, followed by the id of the counter.
LIST_PREFIX = "list:"

HALTED = gettext_lazy("Отправка приостановлена")
PAUSED = gettext_lazy("Исчерпан лимит запросов Яндекса")
UNREAD = gettext_lazy("Сверяемся с Метрикой перед отправкой")


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
    return {pk: one.sentence for pk, one in named_blockers_of(counters, now=now).items()}


@dataclass(frozen=True)
class Blocker:
    """Why nothing is sent: a sentence, and a title of a few words for what ends by itself."""

    sentence: str = ""
    title: str | Promise = ""


def named_blockers_of(counters: Iterable[Counter], *, now: datetime) -> dict[int, Blocker]:
    """Return the blockers with their titles; both are '' of a counter without one."""
    counters = list(counters)
    keys = {HALT, *(key for one in counters for key in _pause_keys(one))}
    pauses = _pauses(keys, now, lists_of=counters)
    return {one.pk: _first_blocker(one, pauses) for one in counters}


def _first_blocker(counter: Counter, pauses: dict[str, Blocker]) -> Blocker:
    own = _own_blocker(counter)
    if own:
        return Blocker(own)
    return next((pauses[key] for key in _pause_keys(counter) if key in pauses), Blocker())


def pauses_of_accounts(accounts: Iterable[YandexAccount], *, now: datetime) -> dict[int, str]:
    """Return in Russian the pauses of accounts by id, in one query; accounts without are left out.

    A pause of all logins, and a halt of the installation, stops each of them.
    """
    accounts = list(accounts)
    pauses = _pauses({HALT, ALL_LOGINS, *(account.yandex_uid for account in accounts)}, now)
    keys = {one.pk: (HALT, one.yandex_uid, ALL_LOGINS) for one in accounts}
    found = {
        pk: [pauses[key] for key in of_account if key in pauses] for pk, of_account in keys.items()
    }
    return {pk: blockers[0].sentence for pk, blockers in found.items() if blockers}


def _pause_keys(counter: Counter) -> tuple[str, ...]:
    """Return the keys of what stops it: a halt, pauses of its login, its own, of all, its lists."""
    own = f"{COUNTER_PREFIX}{counter.number}", ALL_LOGINS, f"{LIST_PREFIX}{counter.pk}"
    return HALT, counter.account.yandex_uid, *own


def _own_blocker(counter: Counter) -> str:
    stopped = stop_status_of(counter)
    if stopped is None or stopped is NOT_SAVED:
        return ""
    if stopped is OFF:
        return _("Счетчик выключен. %(sentence)s") % {"sentence": stopped.sentence}
    return str(stopped.sentence)


def _pauses(
    keys: Iterable[str], now: datetime, *, lists_of: Iterable[Counter] = ()
) -> dict[str, Blocker]:
    """Return by key, in one query: the last pause of each key, a halt, lists that have to be read.

    ``lists_of`` are the counters with these lists.
    """
    paused = RequestDay.objects.filter(yandex_uid__in=keys, paused_until__gt=now)
    row = Installation.objects.annotate(key=Value(HALT))
    every = paused.values_list("yandex_uid", "paused_until", Value(""), Value("")).union(
        row.values_list("key", "halted_at", "kind", "halt_reason"),
        _unread_lists(lists_of).values_list("key", "looking_until", Value(""), Value("")),
        all=True,
    )
    named = {
        key: _blocker(key, at, kind, reason)
        for key, at, kind, reason in sorted(every, key=lambda one: one[1] or now)
    }
    return {key: one for key, one in named.items() if one.sentence}


def _blocker(key: str, at: datetime | None, kind: str, reason: str) -> Blocker:
    if key == HALT:
        return Blocker(cabinet_sentence(stored_reason(kind, reason)), HALTED)
    until = at or timezone.now()
    return (
        Blocker(_unread(until), UNREAD)
        if key.startswith(LIST_PREFIX)
        else Blocker(_pause(until), PAUSED)
    )


def _unread_lists(counters: Iterable[Counter]) -> QuerySet[ListUse, Any]:
    """Return the lists that have to be read before a send and could not be, with their `key`."""
    is_read = is_read_sql("calls_listuse.counter_id", "calls_listuse.channel")
    return (
        ListUse.objects.filter(counter__in=[one.pk for one in counters])
        .exclude(look_error="")
        .exclude(RawSQL(is_read, [], BooleanField()))
        .annotate(key=Concat(Value(LIST_PREFIX), Cast("counter_id", CharField())))
    )


def _unread(again_at: datetime) -> str:
    text = _(
        "После запуска мы сначала читаем в Метрике список загрузок счетчика, чтобы ничего не "
        "отправить дважды. Метрика его пока не показала, повторим %(moment)s. Звонки не теряются: "
        "они уйдут после этого."
    )
    return text % {"moment": date_format(timezone.localtime(again_at), "j E, H:i")}


def _pause(until: datetime) -> str:
    text = _("Исчерпан лимит запросов Яндекса: продолжим %(moment)s.")
    return text % {"moment": date_format(timezone.localtime(until), "j E, H:i")}
