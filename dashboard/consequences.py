"""What disconnecting an account or removing a counter changes, for the confirmation pages."""

from __future__ import annotations

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.plurals import plural
from calls.queries.connection import calls_awaiting_settings
from calls.queries.stats import (
    Waiting,
    awaiting_goal,
    decisions_awaited,
    waiting_of_account,
    waiting_of_counter,
)
from counters.models import Counter
from integrations.models import YandexAccount


def of_disconnecting(account: YandexAccount) -> list[str]:
    """Return the consequences as sentences, the most important first."""
    return [
        *_stopped_counters(account.counters.present().count()),
        *_calls_that_stay_waiting(waiting_of_account(account)),
        _("Счетчики, их настройки и история останутся в кабинете."),
        _("Уже отправленное в Метрику останется там."),
        _("Чтобы отправка продолжилась, подключите этот же аккаунт снова."),
    ]


def of_removing(counter: Counter) -> list[str]:
    """Return the consequences as sentences, the most important first."""
    return [
        *_of_waiting_calls(waiting_of_counter(counter)),
        *_calls_without_settings(calls_awaiting_settings(counter, now=timezone.now())),
        *_calls_without_decision(decisions_awaited(counter, now=timezone.now())),
        *_conversions_without_goal(awaiting_goal(counter, now=timezone.now())),
        _("Уже отправленные звонки останутся в Метрике."),
        _("Если добавить счетчик снова, вернутся и его настройки, и история."),
    ]


def _stopped_counters(count: int) -> list[str]:
    if not count:
        return []
    return [_("Счетчиков, в которые перестанут уходить звонки: %(count)d.") % {"count": count}]


def _calls_that_stay_waiting(waiting: Waiting) -> list[str]:
    if not waiting.count:
        return []
    sentences = [
        _("Отправок, которые уже ждут и останутся ждать: %(count)d.") % {"count": waiting.count}
    ]
    if waiting.earliest_expiry:
        date = date_format(timezone.localtime(waiting.earliest_expiry), "j E Y, H:i")
        sentences.append(
            _(
                "Метрика связывает звонок с визитом только 21 день: первый из ждущих опоздает"
                " %(date)s."
            )
            % {"date": date}
        )
    return sentences


def _calls_without_settings(count: int) -> list[str]:
    if not count:
        return []
    return [_("Звонков, которые ждут настроек счетчика и не уйдут: %(count)d.") % {"count": count}]


def _calls_without_decision(count: int) -> list[str]:
    if not count:
        return []
    return [_("Звонков, которые ждут вашего решения и не уйдут: %(count)d.") % {"count": count}]


def _conversions_without_goal(count: int) -> list[str]:
    if not count:
        return []
    text = _("Достижений цели, которые ждут другой цели и не уйдут: %(count)d.")
    return [text % {"count": count}]


def _of_waiting_calls(waiting: Waiting) -> list[str]:
    """Return what becomes of calls that wait, and of those that may have arrived already."""
    sentences = _calls_never_sent(waiting.count - waiting.unclear)
    if waiting.unclear:
        text = _(
            "Отправок, которые уходят сейчас или могли дойти: %(count)d. Их уже не остановить."
        )
        sentences.append(text % {"count": waiting.unclear})
    return sentences


def _calls_never_sent(count: int) -> list[str]:
    if not count:
        return []
    text = plural(
        count,
        _("%(count)d отправка ещё ждёт: она не уйдёт в Метрику."),
        _("%(count)d отправки ещё ждут: они не уйдут в Метрику."),
        _("%(count)d отправок ещё ждут: они не уйдут в Метрику."),
    )
    return [text % {"count": count}]
