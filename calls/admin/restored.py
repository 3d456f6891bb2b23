"""Admin pages of what a restored database learned: runs of `after_restore`, rows without calls."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import SupportAdmin
from calls.models import RestoreRun, SentBefore


@admin.register(RestoreRun)
class RestoreRunAdmin(SupportAdmin):
    """Runs of `manage.py after_restore`; an unfinished one is continued by its next start."""

    list_display = ("started_at", "cause", "mark_at", "listing_at", "finished_at")
    ordering = ("-pk",)


@admin.register(SentBefore)
class SentBeforeAdmin(SupportAdmin):
    """Rows of taken-over uploads whose calls are not in the database, or in another upload."""

    list_display = ("upload", "row_number", "counter", "channel", "held_by")
    list_filter = ("channel",)
    list_select_related = ("upload", "counter", "held_by")
    search_fields = ("upload__marker__exact", "call_key__exact", "counter__number__exact")
    search_help_text = _("Метка, ключ звонка или номер счетчика")
    ordering = ("-pk",)
