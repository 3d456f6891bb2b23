"""Past calls that a person orders to be sent by days: what was counted, how far it is."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from counters.models import Counter


class BackfillState(models.TextChoices):
    """The state of a backfill; `calls.delivery.backfill` moves it."""

    COUNTING = "counting", _("Считаем звонки")
    COUNTED = "counted", _("Посчитано: ждёт вашего решения")
    SENDING = "sending", _("Звонки ставятся в очередь")
    DONE = "done", _("Готово")
    STOPPED = "stopped", _("Остановлено")
    DROPPED = "dropped", _("Не начато")


#: A worker takes it further.
WORKED = (BackfillState.COUNTING, BackfillState.SENDING)
OPEN = (*WORKED, BackfillState.COUNTED)


class BackfillQuerySet(models.QuerySet["Backfill"]):
    """The queries of `Backfill.objects`."""

    def open(self) -> Self:
        """Those that are not at their end."""
        return self.filter(state__in=OPEN)

    def worked(self) -> Self:
        """Those that a worker takes further."""
        return self.filter(state__in=WORKED)


class Backfill(models.Model):
    """Calls of a cabinet that began between ``since`` and ``until``, for some of its counters.

    First everything is counted, then a person starts it, and the same way is gone again.
    """

    # Without an index of its own: backfill_by_cabinet begins with it.
    cabinet = models.ForeignKey(
        Cabinet, models.PROTECT, related_name="backfills", db_index=False, verbose_name=_("Кабинет")
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        null=True,
        verbose_name=_("Кем заказана"),
    )
    requested_at = models.DateTimeField(_("Заказана"))
    since = models.DateTimeField(_("Звонки с"))
    until = models.DateTimeField(_("Звонки по"))
    state = models.CharField(_("Состояние"), max_length=16, choices=BackfillState)
    #: Calls of these days; null until they are counted.
    calls = models.PositiveIntegerField(_("Звонков"), null=True)
    started_at = models.DateTimeField(_("Начата"), null=True)
    finished_at = models.DateTimeField(_("Закончена"), null=True)
    #: When a worker made its last step: the one that waited longest is next.
    moved_at = models.DateTimeField(_("Последний шаг"), null=True)

    objects = BackfillQuerySet.as_manager()

    class Meta:
        verbose_name = _("отправка прошлых звонков")
        verbose_name_plural = _("отправки прошлых звонков")
        constraints = [
            models.UniqueConstraint(
                fields=["cabinet"], condition=Q(state__in=OPEN), name="backfill_one_open"
            ),
        ]
        indexes = [models.Index(fields=["cabinet", "-id"], name="backfill_by_cabinet")]

    def __str__(self) -> str:
        return f"{self.pk} · {self.state}"

    @property
    def is_worked(self) -> bool:
        """Whether a worker takes it further."""
        return self.state in WORKED

    @property
    def is_open(self) -> bool:
        """Whether it is not at its end."""
        return self.state in OPEN


class BackfillCounter(models.Model):
    """One counter of a backfill, what was counted for it, and how far it is.

    The calls are gone through from the newest to the oldest: ``reached_at`` and ``reached_call``
    are the key of the last one, null before the first.
    """

    # Without an index of its own: backfill_counter_once begins with it.
    backfill = models.ForeignKey(
        Backfill,
        models.CASCADE,
        related_name="counters",
        db_index=False,
        verbose_name=_("Отправка прошлых звонков"),
    )
    counter = models.ForeignKey(
        Counter, models.PROTECT, related_name="+", verbose_name=_("Счетчик")
    )
    #: Outcome of `calls.decision.ordered` → calls: as counted before, and as it was done.
    expected = models.JSONField(_("Посчитано"), default=dict)
    result = models.JSONField(_("Сделано"), default=dict)
    reached_at = models.DateTimeField(null=True, editable=False)
    reached_call = models.BigIntegerField(null=True, editable=False)
    is_over = models.BooleanField(_("Пройден"), default=False)

    class Meta:
        verbose_name = _("счетчик отправки прошлых звонков")
        verbose_name_plural = _("счетчики отправки прошлых звонков")
        constraints = [
            models.UniqueConstraint(fields=["backfill", "counter"], name="backfill_counter_once"),
        ]

    def __str__(self) -> str:
        return f"{self.backfill_id} → {self.counter_id}"
