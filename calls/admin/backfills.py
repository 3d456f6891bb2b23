"""Admin pages of past calls that people ordered to be sent by days."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import AgeFilter, SupportAdmin
from calls.models import Backfill, BackfillCounter


class BackfillAge(AgeFilter):
    """By the time of the order."""

    date_field = "requested_at"


@admin.register(Backfill)
class BackfillAdmin(SupportAdmin):
    """Which days were ordered by whom, and how far it is."""

    list_display = ("id", "cabinet", "state", "since", "until", "requested_by", "requested_at")
    list_filter = (BackfillAge, "state")
    list_select_related = ("cabinet", "requested_by")
    search_fields = ("cabinet__name",)
    search_help_text = _("Кабинет")
    ordering = ("-pk",)


@admin.register(BackfillCounter)
class BackfillCounterAdmin(SupportAdmin):
    """What was counted and done for each counter."""

    list_display = ("backfill", "counter", "is_over")
    list_select_related = ("backfill", "counter")
    search_fields = ("=backfill__pk",)
    search_help_text = _("Номер отправки прошлых звонков")
    ordering = ("-pk",)
