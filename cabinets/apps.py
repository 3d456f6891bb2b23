"""App config of cabinets."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CabinetsConfig(AppConfig):
    """Customers and the people who look after them."""

    name = "cabinets"
    verbose_name = _("Кабинеты")

    def ready(self) -> None:
        """Restrict the admin pages of other apps; the admin has found all of them by now."""
        from django.contrib import admin

        from cabinets import checks as checks  # registers itself
        from cabinets.admin_base import restrict_filters

        restrict_filters(admin.site)
