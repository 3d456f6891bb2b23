"""The application's registration."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DoctorConfig(AppConfig):
    """Says what is wrong with a cabinet's connection and leads to the repair."""

    name = "doctor"
    verbose_name = _("Проверка подключения")
