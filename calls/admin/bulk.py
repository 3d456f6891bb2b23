"""Admin page of bulk actions: who ordered what, and how far it is."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import AgeFilter, SupportAdmin
from calls.models import BulkAction


class OrderAge(AgeFilter):
    """By the time of the order."""

    date_field = "requested_at"


@admin.register(BulkAction)
class BulkActionAdmin(SupportAdmin):
    """Actions of people on everything that a filter of a history shows."""

    list_display = ("kind", "counter", "state", "total", "changed", "requested_by", "requested_at")
    list_filter = (OrderAge, "state", "kind")
    list_select_related = ("counter", "requested_by")
    search_fields = ("counter__number__exact", "cabinet__name")
    search_help_text = _("Номер счетчика или кабинет")
    ordering = ("-pk",)
    fields = (
        *("cabinet", "counter", "kind", "filters", "undoes", "state", "total", "done", "changed"),
        *("requested_by", "requested_at", "finished_at"),
    )
