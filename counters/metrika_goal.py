"""The goals of a counter in Metrika."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

#: Between the identifiers of two goals. They may hold spaces: Metrika forbids only `/ \ & # ? = "`
#: (https://www.yandex.ru/support/metrica/en/general/goal-js-event). One with a line break is
#: never stored (`counters.sync.goals.is_usable`).
TARGET_SEPARATOR = "\n"


class Goal(models.Model):
    """A goal of a counter as last seen in Metrika."""

    counter = models.ForeignKey(
        "Counter", models.CASCADE, related_name="goals", verbose_name=_("Счетчик")
    )
    goal_id = models.BigIntegerField(_("Номер цели"))
    name = models.CharField(_("Название"), max_length=255)
    type = models.CharField(_("Тип"), max_length=32)
    source = models.CharField(_("Происхождение"), max_length=16, blank=True)
    #: Identifier of a JavaScript event; empty for every other type.
    identifier = models.CharField(_("Идентификатор"), max_length=255, blank=True)
    deleted_at = models.DateTimeField(_("Пропала в Метрике"), null=True, blank=True)

    class Meta:
        app_label = "counters"
        verbose_name = _("цель")
        verbose_name_plural = _("цели")
        constraints = [
            models.UniqueConstraint(fields=["counter", "goal_id"], name="goal_once_per_counter"),
        ]

    def __str__(self) -> str:
        return self.name
