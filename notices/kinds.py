"""What notices are about: their kinds, and the groups in which people choose them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """A condition that is watched. The labels are titles of a few words."""

    RECONNECT_SOON = "reconnect_soon", _("Скоро понадобится переподключить аккаунт")
    RECONNECT = "reconnect", _("Аккаунт нужно переподключить")
    RIGHT_LOST = "right_lost", _("Потеряно право на счетчик")
    COUNTER_STOPPED = "counter_stopped", _("Метрика не принимает звонки счетчика")
    GOAL_GONE = "goal_gone", _("Цель удалена в Метрике")
    QUOTA = "quota", _("Лимит запросов Яндекса")
    STUCK = "stuck", _("Выгрузки требуют внимания")
    FOREIGN_ROWS = "foreign_rows", _("В Метрике строки, которых мы не отправляли")
    DELAYED = "delayed", _("Звонки долго не уходят")
    EXPIRING_WEEK = "expiring_week", _("Через неделю звонки опоздают")
    EXPIRING_DAYS = "expiring_days", _("Через два дня звонки опоздают")
    EXPIRED = "expired", _("Звонки опоздали")
    EMPTY_FIELD = "empty_field", _("Источник перестал присылать поле")
    PULL_FAILED = "pull_failed", _("Звонки не забираются из CallKeeper")
    REPORT_DIFFERENCE = "report_difference", _("Отчёт Метрики расходится с отправленным")
    INFLOW_LOW = "inflow_low", _("Звонков меньше обычного")
    INFLOW_CABINET = "inflow_cabinet", _("Во всём кабинете мало звонков")
    SOURCE_LOW = "source_low", _("Источник присылает меньше обычного")
    SKIPPED_UP = "skipped_up", _("Выросла доля неотправляемых звонков")
    UNREADABLE_UP = "unreadable_up", _("Выросла доля нечитаемых идентификаторов")
    LINKED_DOWN = "linked_down", _("Упала доля привязанных звонков")
    REFUSED_UP = "refused_up", _("Выросла доля отклонённых строк")


class Group(models.TextChoices):
    """Kinds that a person switches on and off together."""

    ACCOUNTS = "accounts", _("Доступ к Яндексу: переподключение, права на счетчики")
    COUNTERS = "counters", _("Счетчик остановлен, цель удалена")
    QUOTA = "quota", _("Лимит запросов Яндекса")
    SENDING = "sending", _("Отправка застряла")
    EXPIRY = "expiry", _("Звонки скоро опоздают: за 7 и за 2 дня")
    SOURCES = "sources", _("Источники: пропало поле, звонки не забираются")
    FLOW = "flow", _("Не как обычно: мало звонков, доля непривязанных выросла")


GROUPS: dict[Kind, Group] = {
    Kind.RECONNECT_SOON: Group.ACCOUNTS,
    Kind.RECONNECT: Group.ACCOUNTS,
    Kind.RIGHT_LOST: Group.ACCOUNTS,
    Kind.COUNTER_STOPPED: Group.COUNTERS,
    Kind.GOAL_GONE: Group.COUNTERS,
    Kind.QUOTA: Group.QUOTA,
    Kind.STUCK: Group.SENDING,
    Kind.FOREIGN_ROWS: Group.SENDING,
    Kind.DELAYED: Group.SENDING,
    Kind.EXPIRING_WEEK: Group.EXPIRY,
    Kind.EXPIRING_DAYS: Group.EXPIRY,
    Kind.EXPIRED: Group.EXPIRY,
    Kind.EMPTY_FIELD: Group.SOURCES,
    Kind.PULL_FAILED: Group.SOURCES,
    Kind.REPORT_DIFFERENCE: Group.FLOW,
    Kind.INFLOW_LOW: Group.FLOW,
    Kind.INFLOW_CABINET: Group.FLOW,
    Kind.SOURCE_LOW: Group.FLOW,
    Kind.SKIPPED_UP: Group.FLOW,
    Kind.UNREADABLE_UP: Group.FLOW,
    Kind.LINKED_DOWN: Group.FLOW,
    Kind.REFUSED_UP: Group.FLOW,
}
#: Kinds that compare with what is usual (`notices.conditions.flow`).
OF_FLOW = tuple(
    kind
    for kind, group in GROUPS.items()
    if group is Group.FLOW and kind is not Kind.REPORT_DIFFERENCE
)
#: Kinds that stop nothing yet; the others are drawn as danger.
WARNINGS = frozenset(
    {
        *(Kind.RECONNECT_SOON, Kind.GOAL_GONE, Kind.QUOTA, Kind.EXPIRING_WEEK, Kind.EMPTY_FIELD),
        Kind.REPORT_DIFFERENCE,
        *OF_FLOW,
    }
)
#: The end of these is no recovery: what is late stays late, and rows that a person has seen stay in
#: Metrika.
WITHOUT_RECOVERY = frozenset({Kind.EXPIRED, Kind.FOREIGN_ROWS})
#: What a condition turns into when nobody acts; its end is no recovery then.
BECOMES: dict[Kind, Kind] = {
    Kind.RECONNECT_SOON: Kind.RECONNECT,
    Kind.COUNTER_STOPPED: Kind.RIGHT_LOST,
    Kind.EXPIRING_WEEK: Kind.EXPIRED,
    Kind.EXPIRING_DAYS: Kind.EXPIRED,
}


def tone_of(kind: str) -> str:
    """Return the tone in which a notice of the kind is drawn."""
    return "warning" if kind in WARNINGS else "danger"
