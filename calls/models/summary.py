"""Counts of calls and deliveries by UTC hour, so that no page counts the whole ledger.

Deliveries are stored by day of the cabinet's time zone as well: a day is the sum of its hours.

Written by `calls.summary.refresh` only, read by `calls.summary.read`. Triggers on the tables of
calls, deliveries and uploads mark each hour that a statement changed; a marked hour is counted from
the ledger itself until it is counted anew. See docs/decisions/0079-summary-tables.md.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet, CallSource
from calls.states import CallKind, Channel, DeliveryState, DisplayState
from counters.models import Counter


class SummaryMark(models.Model):
    """An hour of a cabinet was changed by a statement; appended, never unique, never updated."""

    cabinet = models.ForeignKey(
        Cabinet,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Кабинет"),
    )
    hour = models.DateTimeField(_("Час"))

    class Meta:
        verbose_name = _("час на пересчёт")
        verbose_name_plural = _("часы на пересчёт")
        indexes = [models.Index(fields=["cabinet", "hour"], name="summary_mark_by_hour")]

    def __str__(self) -> str:
        return f"{self.cabinet_id} · {self.hour:%Y-%m-%d %H}"


class SummaryHour(models.Model):
    """An hour whose counts change by time alone: a held row becomes due, a waiting one expires."""

    cabinet = models.ForeignKey(
        Cabinet,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Кабинет"),
    )
    hour = models.DateTimeField(_("Час"))
    #: From then on the stored counts are not true any more.
    valid_until = models.DateTimeField(_("Верно до"))

    class Meta:
        verbose_name = _("час с меняющимся итогом")
        verbose_name_plural = _("часы с меняющимся итогом")
        constraints = [
            models.UniqueConstraint(fields=["cabinet", "hour"], name="summary_hour_once"),
        ]
        indexes = [models.Index(fields=["valid_until"], name="summary_hour_ends")]

    def __str__(self) -> str:
        return f"{self.cabinet_id} · {self.hour:%Y-%m-%d %H}"


class CallSummary(models.Model):
    """Calls of a cabinet that began in an hour, as they first came, by source and kind."""

    cabinet = models.ForeignKey(
        Cabinet,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Кабинет"),
    )
    source = models.ForeignKey(
        CallSource,
        models.DO_NOTHING,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
        verbose_name=_("Источник"),
    )
    hour = models.DateTimeField(_("Час"))
    kind = models.CharField(_("Тип"), max_length=16, choices=CallKind)
    calls = models.PositiveIntegerField(_("Звонков"))
    missed = models.PositiveIntegerField(_("Пропущено"))
    unique_calls = models.PositiveIntegerField(_("Уникальных"))
    target_calls = models.PositiveIntegerField(_("Целевых"))
    talk_seconds = models.BigIntegerField(_("Разговор, с"))
    #: Calls whose record tells how long the client waited, and the sum.
    with_hold = models.PositiveIntegerField(_("С ожиданием"))
    hold_seconds = models.BigIntegerField(_("Ожидание, с"))
    #: Calls without a row for any counter.
    unrouted = models.PositiveIntegerField(_("Без счетчика"))

    class Meta:
        verbose_name = _("звонки за час")
        verbose_name_plural = _("звонки по часам")
        indexes = [models.Index(fields=["cabinet", "hour"], name="call_summary_by_hour")]

    def __str__(self) -> str:
        return f"{self.cabinet_id} · {self.hour:%Y-%m-%d %H} · {self.kind}"


class DeliveryCounts(models.Model):
    """Counts of rows of the ledger, by counter, channel, kind, state and reason."""

    cabinet = models.ForeignKey(
        Cabinet,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Кабинет"),
    )
    counter = models.ForeignKey(
        Counter,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("Счетчик"),
    )
    channel = models.PositiveSmallIntegerField(_("Канал"), choices=Channel)
    kind = models.CharField(_("Тип"), max_length=16, choices=CallKind)
    state = models.PositiveSmallIntegerField(_("Состояние"), choices=DeliveryState)
    #: `calls.models.display_cases`: the row's own, or that of its upload.
    shown = models.CharField(_("Показано"), max_length=20, choices=DisplayState)
    #: Code of the reason: the row's, else that of its upload, else ''.
    reason = models.CharField(_("Причина"), max_length=32, blank=True)
    deliveries = models.PositiveIntegerField(_("Отправок"))
    missed = models.PositiveIntegerField(_("Пропущено"))
    talk_seconds = models.BigIntegerField(_("Разговор, с"))
    with_hold = models.PositiveIntegerField(_("С ожиданием"))
    hold_seconds = models.BigIntegerField(_("Ожидание, с"))
    #: Rows of files of which Metrika told how many are linked, and how many of them are: of a file
    #: that is linked in part, each row counts with the share of its file.
    link_told = models.PositiveIntegerField(_("О привязке известно"))
    linked = models.FloatField(_("Привязано"))

    class Meta:
        abstract = True


class DeliverySummary(DeliveryCounts):
    """Rows of the ledger of an hour, by counter, channel, kind, state and reason."""

    hour = models.DateTimeField(_("Час"))

    class Meta:
        verbose_name = _("отправки за час")
        verbose_name_plural = _("отправки по часам")
        indexes = [
            models.Index(fields=["cabinet", "hour"], name="delivery_summary_by_hour"),
            models.Index(fields=["counter", "hour"], name="delivery_summary_of_counter"),
        ]

    def __str__(self) -> str:
        return f"{self.counter_id} · {self.hour:%Y-%m-%d %H} · {self.state}"


class DeliveryDay(DeliveryCounts):
    """The sum of the `DeliverySummary` of a day, in the time zone that `SummaryZone` names."""

    day = models.DateField(_("День"))

    class Meta:
        verbose_name = _("отправки за день")
        verbose_name_plural = _("отправки по дням")
        indexes = [models.Index(fields=["cabinet", "day"], name="delivery_day_by_day")]

    def __str__(self) -> str:
        return f"{self.counter_id} · {self.day:%Y-%m-%d} · {self.state}"


class SummaryZone(models.Model):
    """The time zone of the days that are stored for a cabinet; none are stored without a row."""

    cabinet = models.OneToOneField(
        Cabinet,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        primary_key=True,
        verbose_name=_("Кабинет"),
    )
    zone = models.CharField(_("Часовой пояс"), max_length=64)

    class Meta:
        verbose_name = _("пояс итогов по дням")
        verbose_name_plural = _("пояса итогов по дням")

    def __str__(self) -> str:
        return f"{self.cabinet_id} · {self.zone}"
