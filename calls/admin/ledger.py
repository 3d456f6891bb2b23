"""Admin pages of what people keep of the ledger: saved filters, ordered files; no personal data."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import AgeFilter, SupportAdmin
from calls.models import LedgerExport, LedgerExportPiece, SavedFilter


class ExportAge(AgeFilter):
    """By the time of the order."""

    date_field = "requested_at"


@admin.register(SavedFilter)
class SavedFilterAdmin(SupportAdmin):
    """Whose filters they are; a filter may hold a phone, so that they are not read."""

    list_display = ("name", "cabinet", "user", "created_at")
    list_select_related = ("cabinet", "user")
    search_fields = ("cabinet__name",)
    search_help_text = _("Кабинет")
    ordering = ("-pk",)
    never_fetched = ("parameters",)


@admin.register(LedgerExport)
class LedgerExportAdmin(SupportAdmin):
    """Who ordered which file, and how far it is."""

    list_display = ("id", "cabinet", "state", "rows", "requested_by", "requested_at")
    list_filter = (ExportAge, "state")
    list_select_related = ("cabinet", "requested_by")
    search_fields = ("cabinet__name",)
    search_help_text = _("Кабинет")
    ordering = ("-pk",)
    never_fetched = ("filters",)


@admin.register(LedgerExportPiece)
class LedgerExportPieceAdmin(SupportAdmin):
    """Which parts of a file are stored; the rows are never read."""

    list_display = ("export", "number")
    list_select_related = ("export",)
    search_fields = ("=export__pk",)
    search_help_text = _("Номер выгрузки")
    ordering = ("-pk",)
    never_fetched = ("data",)
