"""Status texts of a counter, and warnings about settings that are likely a mistake."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.plurals import plural
from counters.causes import CounterCause, lost_goal_of, stop_of
from counters.models import Counter, Goal
from integrations.models import YandexAccount
from integrations.tokens.account_state import Reason

#: From this many days on, little is left of Metrika's 21 for sending and processing.
LONG_DEFER_DAYS = 14


class Cure(Enum):
    """Where a person puts right what is wrong."""

    NONE = "none"
    ACCOUNTS = "accounts"
    SETTINGS = "settings"
    SOURCES = "sources"
    UPLOADS = "uploads"
    STUCK_UPLOADS = "stuck_uploads"
    DECISIONS = "decisions"
    UNKNOWN_FILES = "unknown_files"


@dataclass(frozen=True)
class CounterStatus:
    """A state in a few words. ``tone``: success, info, neutral, warning, danger.

    ``sentence`` is what it means for calls, and the next step; '' where the words say enough.
    """

    text: str | Promise
    tone: str
    sentence: str | Promise = ""
    cure: Cure = Cure.NONE

    @property
    def is_fine(self) -> bool:
        return self.tone == "success"


#: What the switch means, wherever a switched off counter is spoken of.
OFF_SENTENCE = gettext_lazy(
    "Звонки, которые уже в очереди, подождут и уйдут после включения. Звонки, которые придут, пока "
    "счетчик выключен, отправлены не будут."
)
WORKS = CounterStatus(gettext_lazy("Подключено и работает"), "success")
REMOVED = CounterStatus(
    gettext_lazy("Удалён из кабинета"),
    "neutral",
    gettext_lazy("Счетчик удалён из кабинета: ничего не отправляется."),
)
NOT_SAVED = CounterStatus(
    gettext_lazy("Не настроен: ничего не отправляется"),
    "warning",
    gettext_lazy(
        "Сохраните настройки счетчика. Звонки, которые начались после добавления счетчика, ждут: "
        "при сохранении вы решите, отправить ли их. Более ранние можно отправить потом, из "
        "настроек."
    ),
    Cure.SETTINGS,
)
OFF = CounterStatus(gettext_lazy("Выключен"), "neutral", OFF_SENTENCE, Cure.SETTINGS)
NOTHING_TO_SEND = CounterStatus(
    gettext_lazy("Ничего не выбрано для отправки"),
    "neutral",
    gettext_lazy("Включите «Отправлять звонки» или выберите цель в «Достижение цели»."),
    Cure.SETTINGS,
)
_RECONNECT = gettext_lazy("Требуется переподключение")
NO_SCOPE = CounterStatus(
    _RECONNECT,
    "danger",
    gettext_lazy(
        "Яндекс не разрешает отправлять звонки от имени этого аккаунта: при подключении не хватило "
        "прав. Переподключите аккаунт и оставьте все разрешения. Звонки ждут и уйдут после этого."
    ),
    Cure.ACCOUNTS,
)
IN_COPY = CounterStatus(
    _RECONNECT,
    "danger",
    gettext_lazy(
        "Это копия кабинета для проверок: доступы к Яндексу в ней удалены. Звонки ждут; чтобы "
        "проверить отправку, подключите аккаунт песочницы."
    ),
    Cure.ACCOUNTS,
)
OF_ACCOUNT = {
    YandexAccount.State.REAUTH_REQUIRED.value: CounterStatus(
        _RECONNECT,
        "danger",
        gettext_lazy("Аккаунт Яндекса требует переподключения. Звонки ждут и уйдут после него."),
        Cure.ACCOUNTS,
    ),
    YandexAccount.State.DISCONNECTED.value: CounterStatus(
        gettext_lazy("Аккаунт отключён"),
        "danger",
        gettext_lazy("Аккаунт Яндекса отключён. Звонки ждут и уйдут, если подключить его снова."),
        Cure.ACCOUNTS,
    ),
}
TONE_OF_ACCOUNT = {
    YandexAccount.State.ACTIVE.value: "success",
    YandexAccount.State.REFRESH_FAILED.value: "warning",
    YandexAccount.State.REAUTH_REQUIRED.value: "danger",
    YandexAccount.State.DISCONNECTED.value: "neutral",
}


def status_of_account(account: YandexAccount) -> CounterStatus | None:
    """Return what stops all counters of the account; None when its token can be used."""
    if not account.is_usable and account.state_reason == Reason.SCOPE_LOST:
        return NO_SCOPE
    if not account.is_usable and account.is_linked and account.state_reason == Reason.COPY:
        return IN_COPY
    return OF_ACCOUNT.get(account.state)


def stop_status_of(counter: Counter) -> CounterStatus | None:
    """Return the first thing for which nothing is sent to the counter; None when all may be.

    Load the counter with its account. The blocker of a call that waits is the sentence of it.
    """
    if counter.removed_at is not None:
        return REMOVED
    # A lost access is checked at its account; any other stop by a button in the settings.
    cure = Cure.SETTINGS if counter.has_access else Cure.ACCOUNTS
    stopped = status_of_account(counter.account) or _of_cause(stop_of(counter), cure)
    if stopped:
        return stopped
    if counter.configured_at is None:
        return NOT_SAVED
    return None if counter.enabled else OFF


def status_of_counter(counter: Counter) -> CounterStatus:
    """Return the first thing that is wrong with it, `WORKS` if nothing is.

    Load the counter with its account and goals. Whether calls come and uploads go is not known
    here.
    """
    lost_goal = _of_cause(lost_goal_of(counter), Cure.SETTINGS)
    something = WORKS if counter.send_calls or counter.goal else NOTHING_TO_SEND
    return stop_status_of(counter) or lost_goal or something


def _of_cause(cause: CounterCause | None, cure: Cure) -> CounterStatus | None:
    return CounterStatus(cause.title, cause.tone, cause.sentence, cure) if cause else None


def settings_warnings(counter: Counter) -> list[str]:
    """Return sentences about effects of the saved settings that are likely unintended."""
    found = [
        *(_about_site(counter), _about_defer(counter), _about_duration(counter)),
        *(_about_goal(counter.goal), _about_goal(counter.callback_goal)),
    ]
    return [warning for warning in found if warning]


def _about_goal(goal: Goal | None) -> str:
    if goal is None or goal.deleted_at is None:
        return ""
    text = _("Цель «%(name)s» удалена в Метрике: выберите другую или «Не указано».")
    return text % {"name": goal.name}


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
    text = plural(
        counter.defer_value,
        _("Отправка отложена на %(days)d день"),
        _("Отправка отложена на %(days)d дня"),
        _("Отправка отложена на %(days)d дней"),
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
