"""Admin pages of reconciliations, their differences, and of calls sent by a person."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import AgeFilter, SupportAdmin
from calls.admin.personal_data import OfCallAdmin
from calls.models import (
    ChartNote,
    Difference,
    MetrikaReport,
    MetrikaReportDay,
    Reconciliation,
    Resend,
    SendOrder,
    UnlinkedApproval,
)


class ReconciledAge(AgeFilter):
    """By the time of the reconciliation."""

    date_field = "at"


class DifferenceInline(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    """The differences of one reconciliation, on its page."""

    model = Difference
    fields = ("code", "upload", "uploading_ids", "ours", "theirs")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Differences are computed: read-only."""
        return False


@admin.register(Reconciliation)
class ReconciliationAdmin(SupportAdmin):
    """Reconciliations of the ledger with itself and with Metrika."""

    list_display = (
        "counter",
        "at",
        "calls",
        "deliveries",
        "uploads",
        "uploadings",
        "difference_count",
    )
    list_filter = (ReconciledAge, "is_latest")
    list_select_related = ("counter",)
    search_fields = ("counter__number__exact",)
    search_help_text = _("Номер счетчика")
    inlines: ClassVar[list[Any]] = [DifferenceInline]
    ordering = ("-pk",)


@admin.register(Difference)
class DifferenceAdmin(SupportAdmin):
    """The differences of all reconciliations."""

    list_display = ("reconciliation", "code", "upload", "ours", "theirs")
    list_filter = ("code", "reconciliation__is_latest")
    list_select_related = ("reconciliation", "upload")
    search_fields = ("upload__marker__exact",)
    ordering = ("-pk",)


@admin.register(MetrikaReport)
class MetrikaReportAdmin(SupportAdmin):
    """When each counter's report was read, and whether it differs."""

    list_display = ("counter", "read_at", "next_at", "error", "unexplained", "is_different")
    list_filter = ("is_different",)
    list_select_related = ("counter",)
    search_fields = ("counter__number__exact",)
    search_help_text = _("Номер счетчика")
    ordering = ("-pk",)


@admin.register(ChartNote)
class ChartNoteAdmin(SupportAdmin):
    """Notes on Metrika's charts: waiting, written, given up."""

    list_display = ("counter", "kind", "starts_at", "state", "attempts", "error", "written_at")
    list_filter = ("state", "kind")
    list_select_related = ("counter",)
    search_fields = ("counter__number__exact",)
    search_help_text = _("Номер счетчика")
    ordering = ("-pk",)


@admin.register(MetrikaReportDay)
class MetrikaReportDayAdmin(SupportAdmin):
    """The days of the last reports."""

    list_display = ("counter", "day", "calls")
    list_select_related = ("counter",)
    search_fields = ("counter__number__exact",)
    search_help_text = _("Номер счетчика")
    ordering = ("-pk",)


@admin.register(Resend)
class ResendAdmin(OfCallAdmin):
    """Calls that people sent again."""

    list_display = ("call", "counter", "channel", "number", "upload", "ordered_by", "ordered_at")
    list_select_related = ("call", "counter", "upload", "ordered_by")
    search_fields = ("upload__marker__exact",)
    ordering = ("-pk",)


@admin.register(UnlinkedApproval)
class UnlinkedApprovalAdmin(OfCallAdmin):
    """Calls with an unreadable identifier that people let go as unlinked."""

    list_display = ("call", "counter", "approved_by", "approved_at")
    list_select_related = ("call", "counter", "approved_by")
    ordering = ("-pk",)


@admin.register(SendOrder)
class SendOrderAdmin(OfCallAdmin):
    """Calls that people ordered to be sent although the settings exclude them."""

    list_display = ("call", "counter", "ordered_by", "ordered_at")
    list_select_related = ("call", "counter", "ordered_by")
    ordering = ("-pk",)
