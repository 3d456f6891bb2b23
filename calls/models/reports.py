"""What Metrika's reports say of a counter's calls, by day, and when they are read next."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from counters.models import Counter

#: The zone of a counter that was never given another.
METRIKA_ZONE = "Europe/Moscow"


class MetrikaReport(models.Model):
    """The reading of Metrika's reports for one counter: the queue, and what the last one brought.

    The row is the queue: due when a person ordered it, or at `next_at`. A worker that dies leaves
    a lease that expires.
    """

    counter = models.OneToOneField(
        Counter, models.CASCADE, related_name="metrika_report", verbose_name=_("Счетчик")
    )
    next_at = models.DateTimeField(_("Следующее чтение"))
    ordered_at = models.DateTimeField(_("Заказано"), null=True)
    ordered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("Кем заказано"),
    )
    #: When Metrika was last asked, with whatever result: what the limit of a login counts.
    asked_at = models.DateTimeField(_("Метрика спрошена"), null=True)
    lease_until = models.DateTimeField(null=True, editable=False)
    #: Why the last reading failed: a code of `integrations.api_call`; '' when it did not.
    error = models.CharField(_("Ошибка"), max_length=32, blank=True, default="")
    read_at = models.DateTimeField(_("Отчёт прочитан"), null=True)
    #: The days that the last report covers, in the time zone it was asked in.
    first_day = models.DateField(_("Первый день"), null=True)
    last_day = models.DateField(_("Последний день"), null=True)
    time_zone = models.CharField(_("Часовой пояс"), max_length=64, blank=True, default="")
    #: Ids of the goals whose reaches it counts.
    goals = models.JSONField(_("Цели в отчёте"), default=list)
    is_sampled = models.BooleanField(_("По выборке"), default=False)
    #: Rows with fewer than ten visitors are left out of the report.
    is_cut = models.BooleanField(_("Строки скрыты"), default=False)
    #: Calls that the report has too few (negative) or too many by what we know; 0: explained.
    unexplained = models.IntegerField(_("Необъяснённая разница"), default=0)
    #: The difference is above the threshold: see `calls.reconciliation.verdict`.
    is_different = models.BooleanField(_("Расходится"), default=False)
    #: When both were last found out; None: with the reading of the report.
    judged_at = models.DateTimeField(_("Оценено"), null=True, editable=False)

    class Meta:
        verbose_name = _("отчёт Метрики")
        verbose_name_plural = _("отчёты Метрики")

    def __str__(self) -> str:
        return f"{self.counter_id}"

    @property
    def is_being_read(self) -> bool:
        """Whether a person's order is not done yet."""
        return self.ordered_at is not None

    @property
    def is_comparable(self) -> bool:
        """Whether its numbers are counts: not estimates of a sample, nor cut for privacy."""
        return self.read_at is not None and not self.is_sampled and not self.is_cut

    def covers(self, day: date) -> bool:
        """Whether the last report has the day."""
        return bool(self.first_day and self.last_day and self.first_day <= day <= self.last_day)


class MetrikaReportDay(models.Model):
    """One day of the last report."""

    counter = models.ForeignKey(
        Counter,
        models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("Счетчик"),
    )
    day = models.DateField(_("День"))
    calls = models.PositiveIntegerField(_("Звонков"))
    #: Reaches by id of the goal; of the goals that were chosen when it was read.
    reaches = models.JSONField(_("Достижений"), default=dict)

    class Meta:
        verbose_name = _("день отчёта Метрики")
        verbose_name_plural = _("дни отчётов Метрики")
        constraints = [
            models.UniqueConstraint(fields=["counter", "day"], name="metrika_report_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.counter_id} {self.day}"


def zone_of(counter: Counter) -> str:
    """Return the counter's time zone; that of Metrika for a name that this system does not know."""
    return known_zone(counter.time_zone).key


def known_zone(name: str) -> ZoneInfo:
    """Return the time zone; that of Metrika for a name that this system does not know."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return ZoneInfo(METRIKA_ZONE)


def today_of(counter: Counter, now: datetime) -> date:
    """Return the current day of the counter's time zone."""
    return now.astimezone(ZoneInfo(zone_of(counter))).date()
