"""The check of a cabinet's connection that a person ordered, and its steps.

Steps ask Metrika and renew the rows that the findings are derived from; no finding is stored.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from counters.models import Counter
from integrations.models import YandexAccount


class Examination(models.Model):
    """The last check of a cabinet that was ordered; a new order replaces it."""

    cabinet = models.OneToOneField(
        Cabinet,
        models.CASCADE,
        primary_key=True,
        related_name="examination",
        verbose_name=_("Кабинет"),
    )
    requested_at = models.DateTimeField(_("Заказана"))
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Кем заказана"),
    )
    finished_at = models.DateTimeField(_("Закончена"), null=True, blank=True)

    class Meta:
        verbose_name = _("проверка подключения")
        verbose_name_plural = _("проверки подключения")

    def __str__(self) -> str:
        return f"{self.cabinet_id} · {self.requested_at:%d.%m.%Y %H:%M}"


class ExaminationStep(models.Model):
    """One request to Metrika: the counters of an account, or the goals of a counter."""

    examination = models.ForeignKey(
        Examination,
        models.CASCADE,
        related_name="steps",
        db_index=False,  # examination_step_once begins with it
        verbose_name=_("Проверка"),
    )
    account = models.ForeignKey(
        YandexAccount, models.CASCADE, related_name="+", verbose_name=_("Аккаунт")
    )
    #: The counter whose goals are read; null for the list of the account's counters.
    counter = models.ForeignKey(
        Counter,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Счетчик"),
    )
    claimed_until = models.DateTimeField(_("Занят до"), null=True, blank=True)
    done_at = models.DateTimeField(_("Сделан"), null=True, blank=True)
    #: Code of `integrations.api_call.CODES`; '' when Metrika answered.
    problem = models.CharField(_("Почему не удался"), max_length=32, blank=True, default="")

    class Meta:
        verbose_name = _("шаг проверки")
        verbose_name_plural = _("шаги проверки")
        constraints = [
            models.UniqueConstraint(
                fields=["examination", "account", "counter"],
                nulls_distinct=False,
                name="examination_step_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.examination_id} · {self.account_id} · {self.counter_id or ''}"
