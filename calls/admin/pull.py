"""Admin page of the sources whose calls are pulled from CallKeeper."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import SupportAdmin
from calls.models import PullSource


@admin.register(PullSource)
class PullSourceAdmin(SupportAdmin):
    """How far each source is, and what CallKeeper last answered; never the key."""

    list_display = ("source", "state", "pulled_until", "next_at", "failures", "error_code")
    list_filter = ("state",)
    list_select_related = ("source",)
    search_fields = ("source__public_id__exact", "source__name", "source__cabinet__name")
    search_help_text = _("Идентификатор или название источника, кабинет")
    ordering = ("next_at", "pk")
    never_fetched = ("api_key",)
    fields = (
        *("source", "state", "created_at", "pull_from", "pulled_until", "reread_at", "next_at"),
        *("run_started_at", "run_ended_at", "run_received", "run_created", "run_updated"),
        *("run_rejected", "failures", "error_code", "error_text", "error_at"),
    )
