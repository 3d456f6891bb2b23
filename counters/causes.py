"""Why calls cannot flow into a counter although its account works: cause and cure, in one place.

The list, the settings window, the notice on the integrations page, the calls' pages and the
explanations in the admin all read these texts, so that no two of them differ. What stops a counter
as a whole is part of `counters.sendable.SENDABLE`; a lost goal stops the channel `goal` alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cabinets.support import with_support
from counters.models import Counter
from counters.states import Access, StopCause


@dataclass(frozen=True)
class CounterCause:
    """A cause: its code, a title of a few words, and a sentence with cause, cure and outlook.

    ``tone`` is that of the status.
    """

    code: str
    title: str | Promise
    sentence: str | Promise
    tone: str = "danger"


OF_ACCESS = {
    Access.VIEW_ONLY.value: CounterCause(
        "view_only",
        _("Осталось только право просмотра"),
        _(
            "На счетчик осталось только право просмотра: попросите владельца дать право на "
            "редактирование. Звонки ждут."
        ),
    ),
    Access.LOST.value: CounterCause(
        "lost",
        _("Доступ потерян"),
        _("Доступ к счетчику потерян: попросите владельца вернуть его. Звонки ждут."),
    ),
    Access.DELETED.value: CounterCause(
        "deleted",
        _("Удалён в Метрике"),
        _("Счетчик удалён в Метрике: отправлять некуда."),
    ),
}
OF_STOP = {
    StopCause.GOALS_FULL.value: CounterCause(
        "goals_full",
        _("В счетчике нет места для новых целей"),
        _(
            "Метрика не смогла создать в счетчике цель для звонков: в нём уже столько целей, "
            "сколько она разрешает. Удалите в Метрике ненужную цель. Звонки ждут и уйдут сами, "
            "когда место появится."
        ),
    ),
    StopCause.IN_CONNECT.value: CounterCause(
        "in_connect",
        _("Доступом управляет организация"),
        _(
            "Счетчик принадлежит организации в Яндексе, и Метрика не принимает в него звонки от "
            "этого аккаунта. Попросите администратора организации дать аккаунту право на "
            "редактирование. Звонки ждут."
        ),
    ),
    StopCause.REJECTING.value: CounterCause(
        "rejecting",
        _("Метрика отклоняет выгрузки"),
        with_support(
            _(
                "Метрика отклоняет файлы этого счетчика один за другим, поэтому новые не "
                "отправляются. Раз в сутки мы пробуем снова. Если не пройдёт, напишите в поддержку "
                "({support}): ответы Метрики сохранены. Звонки ждут."
            )
        ),
    ),
}
GOAL_GONE = CounterCause(
    "goal_gone",
    _("Цель удалена в Метрике"),
    _(
        "Цель не найдена: её удалили в Метрике. Достижения цели ждут и уйдут, если выбрать другую "
        "в настройках счетчика. На отправку самих звонков это не влияет."
    ),
    "warning",
)
CALLBACK_GOAL_GONE = CounterCause(
    "callback_goal_gone",
    _("Цель обратных звонков удалена в Метрике"),
    _(
        "Цель обратных звонков не найдена: её удалили в Метрике. Достижения обратных звонков ждут "
        "и уйдут, если выбрать другую в настройках счетчика. На остальные звонки это не влияет."
    ),
    "warning",
)


def stop_of(counter: Counter) -> CounterCause | None:
    """Return what stops the counter as a whole: its access, or a refusal that concerns it."""
    return OF_ACCESS.get(counter.access) or OF_STOP.get(counter.stopped_cause)


def goal_cause_of(counter: Counter) -> CounterCause | None:
    """Return what stops the channel `goal` alone. Load the counter with its goal."""
    is_gone = counter.goal is not None and counter.goal.deleted_at is not None
    return GOAL_GONE if is_gone else None


def lost_goal_of(counter: Counter) -> CounterCause | None:
    """Return what stops conversions of all calls, or of callbacks. Load the counter with its goals.

    Without a goal of its own the counter sends no conversions at all.
    """
    chosen = counter.callback_goal if counter.goal else None
    is_gone = chosen is not None and chosen.deleted_at is not None
    return goal_cause_of(counter) or (CALLBACK_GOAL_GONE if is_gone else None)


def cause_of(counter: Counter) -> CounterCause | None:
    """Return the most important cause of this counter, or None. Load it with its goals."""
    return stop_of(counter) or lost_goal_of(counter)
