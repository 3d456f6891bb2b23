"""Settings that a cabinet keeps under a name, to apply them to its counters."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet


class SettingsTemplate(models.Model):
    """``content``: settings by name of `Counter.SETTINGS`, as JSON; a goal is its identifier.

    A template never changes: a new state of the settings is a new template.
    """

    cabinet = models.ForeignKey(
        Cabinet, models.CASCADE, related_name="settings_templates", verbose_name=_("Кабинет")
    )
    name = models.CharField(_("Название"), max_length=100)
    content = models.JSONField(_("Настройки"))
    created_at = models.DateTimeField(_("Сохранён"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Кем сохранён"),
    )

    class Meta:
        app_label = "counters"
        verbose_name = _("шаблон настроек")
        verbose_name_plural = _("шаблоны настроек")
        constraints = [
            models.UniqueConstraint(
                fields=["cabinet", "name"], name="settings_template_once_per_cabinet"
            ),
        ]

    def __str__(self) -> str:
        return self.name
