"""The enums of a counter: its access, and why it is stopped. Imports nothing of the product."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Access(models.TextChoices):
    """The right that the account has to the counter in Metrika."""

    OK = "ok", _("Доступ есть")
    VIEW_ONLY = "view_only", _("Только просмотр")
    LOST = "lost", _("Доступ потерян")
    DELETED = "deleted", _("Счетчик удалён в Метрике")


class StopCause(models.TextChoices):
    """Why Metrika refuses the counter's uploads although its account has access."""

    GOALS_FULL = "goals_full", _("Нет места для целей")
    IN_CONNECT = "in_connect", _("Доступом управляет организация")
    REJECTING = "rejecting", _("Метрика отклоняет выгрузки")
