"""Which fields the records of a source have, by hour, and those that have become empty."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinets.models import CallSource


class WatchedHour(models.Model):
    """The records of finished calls that came from a source in one hour, and their fields.

    Counted from the stored calls by `calls.ways.watch`, the last two hours again and again.
    """

    # Without an index of its own: watched_hour_once begins with it.
    source = models.ForeignKey(
        CallSource,
        models.CASCADE,
        related_name="watched_hours",
        db_index=False,
        verbose_name=_("Источник"),
    )
    hour = models.DateTimeField(_("Час"))
    #: The lowest and the highest id among the calls of the hour, finished or not.
    first_call = models.BigIntegerField(_("Первый звонок"))
    last_call = models.BigIntegerField(_("Последний звонок"))
    calls = models.PositiveIntegerField(_("Звонков"))
    #: Field → in how many of the records it is not empty.
    filled = models.JSONField(_("Заполнено"))

    class Meta:
        verbose_name = _("поля записей за час")
        verbose_name_plural = _("поля записей по часам")
        constraints = [
            models.UniqueConstraint(fields=["source", "hour"], name="watched_hour_once"),
        ]
        indexes = [models.Index(fields=["hour"], name="watched_hour_by_age")]

    def __str__(self) -> str:
        return f"{self.source_id} · {self.hour:%d.%m %H:%M}"


class EmptyField(models.Model):
    """A field of a source that was usually filled and is mostly empty since some hour.

    Written from the counts of `WatchedHour` each time they change.
    """

    source = models.ForeignKey(
        CallSource,
        models.CASCADE,
        related_name="empty_fields",
        db_index=False,
        verbose_name=_("Источник"),
    )
    field = models.CharField(_("Поле"), max_length=64)
    #: The first hour in which it was empty, and when the records were counted.
    since = models.DateTimeField(_("С"))
    counted_at = models.DateTimeField(_("Посчитано"))
    #: Records since then, and those in which the field is empty; the same before.
    calls = models.PositiveIntegerField(_("Звонков"))
    empty = models.PositiveIntegerField(_("Из них пусто"))
    calls_before = models.PositiveIntegerField(_("Звонков раньше"))
    empty_before = models.PositiveIntegerField(_("Из них было пусто"))

    class Meta:
        verbose_name = _("опустевшее поле")
        verbose_name_plural = _("опустевшие поля")
        constraints = [
            models.UniqueConstraint(fields=["source", "field"], name="empty_field_once"),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} · {self.field}"
