"""Admin pages of the proof by Metrika's logs: results, requests, rows that are not ours."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import AgeFilter, SupportAdmin
from calls.models import LinkProof, LogHit, LogRequest, LogSentRow, UnknownLogRow

_BY_COUNTER = ("counter__number__exact",)
_COUNTER = _("Номер счетчика")


class RequestAge(AgeFilter):
    """By the time of the order."""

    date_field = "requested_at"


@admin.register(LinkProof)
class LinkProofAdmin(SupportAdmin):
    """What Metrika's logs say of each row that was sent."""

    list_display = ("upload", "row_number", "channel", "result", "visit_at", "proved_at")
    list_select_related = ("upload",)
    search_fields = ("upload__marker__exact",)
    search_help_text = _("Метка выгрузки")
    ordering = ("-pk",)


@admin.register(LogRequest)
class LogRequestAdmin(SupportAdmin):
    """Requests for logs: which days, how far they are, why one waits or has failed."""

    list_display = ("counter", "date1", "date2", "state", "error", "request_id", "hits", "next_at")
    list_filter = (RequestAge, "state")
    list_select_related = ("counter",)
    search_fields = _BY_COUNTER
    search_help_text = _COUNTER
    ordering = ("-pk",)


@admin.register(LogHit)
class LogHitAdmin(SupportAdmin):
    """Lines of the logs that wait to be compared; identifiers of visitors are not shown."""

    list_display = ("request", "part", "line", "uploading_id", "moment")
    list_select_related = ("request",)
    exclude = ("client_id",)
    ordering = ("-pk",)


@admin.register(LogSentRow)
class LogSentRowAdmin(SupportAdmin):
    """Rows as they were sent, while they are compared; identifiers are not shown."""

    list_display = ("request", "upload", "row_number", "moment")
    list_select_related = ("request", "upload")
    exclude = ("client_id",)
    ordering = ("-pk",)


@admin.register(UnknownLogRow)
class UnknownLogRowAdmin(SupportAdmin):
    """Rows in Metrika under our uploadings that we did not send."""

    list_display = ("counter", "uploading_id", "kind", "moment", "count", "found_at", "seen_at")
    list_filter = ("kind",)
    list_select_related = ("counter",)
    search_fields = (*_BY_COUNTER, "uploading_id__exact")
    search_help_text = _("Номер счетчика или загрузки в Метрике")
    ordering = ("-pk",)
