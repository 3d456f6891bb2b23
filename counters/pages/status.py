"""Status texts of a counter, and warnings about settings that are likely a mistake."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from counters.causes import CounterCause, goal_cause_of, stop_of
from counters.models import Counter
from integrations.models import YandexAccount

#: From this many days on, little is left of Metrika's 21 for sending and processing.
LONG_DEFER_DAYS = 14


@dataclass(frozen=True)
class CounterStatus:
    """A state in a few words. ``tone``: success, neutral, warning, danger."""

    text: str | Promise
    tone: str

    @property
    def is_fine(self) -> bool:
        return self.tone == "success"


WORKS = CounterStatus(gettext_lazy("Подключено и работает"), "success")
NOT_SAVED = CounterStatus(gettext_lazy("Не настроен: ничего не отправляется"), "warning")
OFF = CounterStatus(gettext_lazy("Выключен"), "neutral")
NOTHING_TO_SEND = CounterStatus(gettext_lazy("Ничего не выбрано для отправки"), "neutral")
OF_ACCOUNT = {
    YandexAccount.State.REAUTH_REQUIRED.value: CounterStatus(
        gettext_lazy("Требуется переподключение"), "danger"
    ),
    YandexAccount.State.DISCONNECTED.value: CounterStatus(
        gettext_lazy("Аккаунт отключён"), "danger"
    ),
}
TONE_OF_ACCOUNT = {
    YandexAccount.State.ACTIVE.value: "success",
    YandexAccount.State.REFRESH_FAILED.value: "warning",
    YandexAccount.State.REAUTH_REQUIRED.value: "danger",
    YandexAccount.State.DISCONNECTED.value: "neutral",
}


def status_of_counter(counter: Counter) -> CounterStatus:
    """Return the most important status. Load the counter with its account and goal."""
    broken = OF_ACCOUNT.get(counter.account.state) or _of_cause(stop_of(counter))
    if broken:
        return broken
    if counter.configured_at is None:
        return NOT_SAVED
    if not counter.enabled:
        return OFF
    lost_goal = _of_cause(goal_cause_of(counter))
    return lost_goal or (WORKS if counter.send_calls or counter.goal else NOTHING_TO_SEND)


def _of_cause(cause: CounterCause | None) -> CounterStatus | None:
    return CounterStatus(cause.title, cause.tone) if cause else None


def settings_warnings(counter: Counter) -> list[str]:
    """Return sentences about effects of the saved settings that are likely unintended."""
    found = [_about_site(counter), _about_defer(counter), _about_duration(counter)]
    if counter.goal and counter.goal.deleted_at:
        found.append(
            _("Цель «%(name)s» удалена в Метрике: выберите другую или «Не указано».")
            % {"name": counter.goal.name}
        )
    return [warning for warning in found if warning]


def _about_site(counter: Counter) -> str:
    if counter.site_mode != Counter.SiteMode.OWN or counter.site_host or counter.mirror_hosts:
        return ""
    return _(
        "В Метрике у счетчика не указан сайт, поэтому с настройкой «Только сайт счетчика» ни один "
        "звонок не подойдёт. Выберите «Все сайты» или перечислите сайты."
    )


def _about_defer(counter: Counter) -> str:
    if counter.defer_unit != Counter.DeferUnit.DAYS or counter.defer_value < LONG_DEFER_DAYS:
        return ""
    text = ngettext(
        "Отправка отложена на %(days)d день",
        "Отправка отложена на %(days)d дней",
        counter.defer_value,
    )
    return text % {"days": counter.defer_value} + _(
        ": визиты старше 21 дня Метрика не находит, и многие звонки останутся непривязанными."
    )


def _about_duration(counter: Counter) -> str:
    """A missed call lasts 0 seconds, so with these two settings hardly any call is left."""
    if counter.call_status != Counter.CallStatus.FAIL or not counter.min_duration_seconds:
        return ""
    return _(
        "Выбраны только неуспешные звонки, и при этом задана длительность. Неуспешный звонок "
        "обычно длится 0 секунд: поставьте 0."
    )
