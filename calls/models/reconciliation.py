"""Results of comparing the ledger with Metrika."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from calls.models.upload import Upload
from counters.models import Counter


class Reconciliation(models.Model):
    """One comparison of a counter's ledger with itself and with Metrika's list of uploadings."""

    counter = models.ForeignKey(
        Counter, models.CASCADE, related_name="reconciliations", verbose_name=_("Счетчик")
    )
    at = models.DateTimeField(_("Когда"))
    calls = models.PositiveIntegerField(_("Звонков"))
    deliveries = models.PositiveIntegerField(_("Отправок"))
    uploads = models.PositiveIntegerField(_("Наших выгрузок"))
    #: Null when Metrika was unavailable; then the ledger was compared with itself only.
    uploadings = models.PositiveIntegerField(_("Загрузок в Метрике"), null=True)
    difference_count = models.PositiveIntegerField(_("Расхождений"), default=0)
    is_latest = models.BooleanField(_("Последняя"), default=True)

    class Meta:
        verbose_name = _("сверка")
        verbose_name_plural = _("сверки")
        constraints = [
            models.UniqueConstraint(
                fields=["counter"],
                condition=models.Q(is_latest=True),
                name="reconciliation_one_latest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.counter_id} {self.at:%Y-%m-%d %H:%M}"


class Difference(models.Model):
    """One difference that a reconciliation found."""

    class Code(models.TextChoices):
        MISSING_THERE = "missing_there", _("Нашей выгрузки нет в Метрике")
        ARRIVED_UNKNOWN = "arrived_unknown", _("Выгрузка есть в Метрике, у нас не отправлена")
        UNKNOWN_MARKER = "unknown_marker", _("Загрузка с нашей меткой, которой у нас нет")
        DOUBLED = "doubled", _("Две загрузки с одной меткой")
        QUANTITY = "quantity", _("Не сходится число строк")
        STATUS = "status", _("Не сходится статус")
        CALLS_AND_DELIVERIES = "calls_deliveries", _("Не у каждого звонка есть отправки")
        CALLS_LOST = "calls_lost", _("В базе нет звонков из этой выгрузки")
        ROWS_AND_DELIVERIES = "rows_deliveries", _("Строк в выгрузках не столько, сколько отправок")

    #: Calls that Metrika may count twice for ever: shown first.
    GRAVE: ClassVar[tuple[str, ...]] = (Code.DOUBLED, Code.ARRIVED_UNKNOWN, Code.UNKNOWN_MARKER)

    reconciliation = models.ForeignKey(
        Reconciliation, models.CASCADE, related_name="differences", verbose_name=_("Сверка")
    )
    code = models.CharField(_("Что не сходится"), max_length=24, choices=Code)
    upload = models.ForeignKey(
        Upload, models.CASCADE, related_name="+", null=True, verbose_name=_("Выгрузка")
    )
    uploading_ids = models.JSONField(_("Номера в Метрике"), default=list)
    ours = models.CharField(_("У нас"), max_length=64, blank=True)
    theirs = models.CharField(_("В Метрике"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("расхождение")
        verbose_name_plural = _("расхождения")

    def __str__(self) -> str:
        return f"{self.get_code_display()}: {self.ours} / {self.theirs}"
