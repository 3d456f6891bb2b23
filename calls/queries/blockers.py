"""What blocks a counter's calls now: its switch, its account, its access, or a pause."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.states import Channel
from counters.causes import CounterCause, goal_cause_of, stop_of
from counters.models import Counter
from integrations.limits.pauses import ALL_REFUSED, COUNTER_PREFIX
from integrations.models import RequestDay, YandexAccount
from integrations.tokens.account_state import Reason

_OF_ACCOUNT: dict[str, str | Promise] = {
    YandexAccount.State.REAUTH_REQUIRED: gettext_lazy(
        "Аккаунт Яндекса требует переподключения. Звонки ждут и уйдут после него."
    ),
    YandexAccount.State.DISCONNECTED: gettext_lazy(
        "Аккаунт Яндекса отключён. Звонки ждут и уйдут, если подключить его снова."
    ),
}
_NO_SCOPE = gettext_lazy(
    "Яндекс не разрешает отправлять звонки от имени этого аккаунта: при подключении не хватило "
    "прав. Переподключите аккаунт и оставьте все разрешения. Звонки ждут и уйдут после этого."
)


def of_channel(counter: Counter, channel: int, blocker: str) -> str:
    """Return the counter's blocker, else what blocks this channel alone; '' when nothing does.

    Load the counter with its goal.
    """
    if blocker or channel != Channel.GOAL:
        return blocker
    return _sentence(goal_cause_of(counter))


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


def _pause_keys(counter: Counter) -> tuple[str, str]:
    """Return the keys of the pauses that stop the counter: its login's and its own."""
    return counter.account.yandex_uid, f"{COUNTER_PREFIX}{counter.number}"


def _own_blocker(counter: Counter) -> str:
    if counter.removed_at is not None:
        return _("Счетчик удалён из кабинета: ничего не отправляется.")
    if not counter.enabled:
        return _("Счетчик выключен. Звонки ждут, пока его не включат.")
    account = counter.account
    if not account.is_usable and account.state_reason == Reason.SCOPE_LOST:
        return str(_NO_SCOPE)
    return str(_OF_ACCOUNT.get(account.state, "")) or _sentence(stop_of(counter))


def _sentence(cause: CounterCause | None) -> str:
    return str(cause.sentence) if cause else ""


def _pauses(keys: Iterable[str], now: datetime) -> dict[str, str]:
    paused = RequestDay.objects.filter(yandex_uid__in=keys, paused_until__gt=now)
    return {one.yandex_uid: _pause(one) for one in paused.order_by("paused_until")}


def _pause(paused: RequestDay) -> str:
    text = _("Метрика просит паузу: продолжим %(moment)s.")
    if paused.paused_reason == ALL_REFUSED:
        text = _(
            "Сегодня Метрика отклоняет файлы этого счетчика, один за другим. Продолжим %(moment)s. "
            "Если повторится и завтра, напишите в поддержку."
        )
    until = paused.paused_until or timezone.now()
    return text % {"moment": date_format(timezone.localtime(until), "j E, H:i")}
