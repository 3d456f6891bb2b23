"""Admin page of files in Metrika that the database does not know."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import SupportAdmin
from calls.models import UnknownFile


@admin.register(UnknownFile)
class UnknownFileAdmin(SupportAdmin):
    """Files with markers of this installation that no upload has: after a restored database."""

    list_display = ("marker", "counter", "channel", "rows", "create_time", "found_at", "state")
    list_filter = ("state", "channel")
    list_select_related = ("counter",)
    search_fields = ("marker__exact", "counter__number__exact")
    search_help_text = _("Метка или номер счетчика")
    ordering = ("-pk",)
