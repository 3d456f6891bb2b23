"""How long calls take from their end until Metrika has accepted them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from counters.models import Counter


class DeliveryDelay(models.Model):
    """How many calls of a counter were accepted in an hour, by delay: a histogram of eight days.

    A bucket is 5 % wide: its number is the logarithm of the seconds to the base 1.05, rounded up.
    """

    # Without an index of its own: delay_once begins with it.
    counter = models.ForeignKey(
        Counter,
        models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("Счетчик"),
    )
    hour = models.DateTimeField(_("Час"))
    bucket = models.PositiveSmallIntegerField(_("Задержка, ступень"))
    calls = models.PositiveIntegerField(_("Звонков"))

    class Meta:
        verbose_name = _("задержки доставки")
        verbose_name_plural = _("задержки доставки")
        constraints = [
            models.UniqueConstraint(fields=["counter", "hour", "bucket"], name="delay_once"),
        ]

    def __str__(self) -> str:
        return f"{self.counter_id} · {self.hour:%Y-%m-%d %H} · {self.bucket}"


class MovedDelay(models.Model):
    """How many calls of a bucket of an hour had another file accepted in a later hour.

    They count in the hour ``moved_in`` instead of ``hour``, by what their last file took.
    """

    # Without an index of its own: moved_delay_once begins with it.
    counter = models.ForeignKey(
        Counter,
        models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("Счетчик"),
    )
    hour = models.DateTimeField(_("Час"))
    bucket = models.PositiveSmallIntegerField(_("Задержка, ступень"))
    moved_in = models.DateTimeField(_("Считаются в часе"))
    calls = models.PositiveIntegerField(_("Звонков"))

    class Meta:
        verbose_name = _("перенос задержки доставки")
        verbose_name_plural = _("переносы задержек доставки")
        constraints = [
            models.UniqueConstraint(
                fields=["counter", "hour", "bucket", "moved_in"], name="moved_delay_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.counter_id} · {self.hour:%Y-%m-%d %H} · {self.bucket} · {self.moved_in:%H}"


class Freshness(models.Model):
    """Median and 95th percentile of the delays of a counter; of all when ``counter`` is None."""

    counter = models.OneToOneField(
        Counter,
        models.CASCADE,
        related_name="freshness",
        null=True,
        verbose_name=_("Счетчик"),
    )
    day_calls = models.PositiveIntegerField(_("Звонков за сутки"), default=0)
    day_p50 = models.PositiveIntegerField(_("Половина за сутки, с"), null=True)
    day_p95 = models.PositiveIntegerField(_("95 % за сутки, с"), null=True)
    week_calls = models.PositiveIntegerField(_("Звонков за неделю"), default=0)
    week_p50 = models.PositiveIntegerField(_("Половина за неделю, с"), null=True)
    week_p95 = models.PositiveIntegerField(_("95 % за неделю, с"), null=True)
    counted_at = models.DateTimeField(_("Посчитано"))
    #: `calls.queries.freshness.VERSION` of the count; None before there were versions.
    version = models.PositiveSmallIntegerField(_("Способ подсчёта"), null=True, editable=False)

    class Meta:
        verbose_name = _("скорость доставки")
        verbose_name_plural = _("скорость доставки")

    def __str__(self) -> str:
        return f"{self.counter_id or 'all'} · {self.day_p95}"
