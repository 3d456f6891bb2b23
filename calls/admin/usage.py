"""Admin pages of bookkeeping: streams built, lists read, calls decided again, fields watched."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import SupportAdmin
from calls.models import (
    CallSummary,
    DeliveryDay,
    DeliverySummary,
    EmptyField,
    ListUse,
    Redecision,
    StreamUse,
    SummaryHour,
    SummaryMark,
    SummaryZone,
    WatchedHour,
)


@admin.register(StreamUse)
class StreamUseAdmin(SupportAdmin):
    """Streams of uploads; those of one login share its daily quota."""

    list_display = ("counter", "channel", "id_kind", "is_static", "built_at")
    list_filter = ("channel", "id_kind", "is_static")
    list_select_related = ("counter",)
    search_fields = ("counter__number__exact",)
    search_help_text = _("Номер счетчика")
    ordering = ("-pk",)


@admin.register(ListUse)
class ListUseAdmin(SupportAdmin):
    """When the list of a counter's uploads was last polled, and last read to its end."""

    list_display = ("counter", "channel", "asked_at", "read_whole_at", "look_error")
    list_filter = ("channel",)
    list_select_related = ("counter",)
    search_fields = ("counter__number__exact",)
    search_help_text = _("Номер счетчика")
    ordering = ("-pk",)


@admin.register(Redecision)
class RedecisionAdmin(SupportAdmin):
    """Counters whose waiting calls are being decided again; nothing of them is built meanwhile."""

    list_display = ("counter", "requested_at", "done", "total", "moved_at")
    list_select_related = ("counter",)
    search_fields = ("counter__number__exact",)
    search_help_text = _("Номер счетчика")
    ordering = ("requested_at",)


@admin.register(WatchedHour)
class WatchedHourAdmin(SupportAdmin):
    """How many records of a source came in an hour, and which fields they have."""

    list_display = ("source", "hour", "calls", "last_call")
    list_select_related = ("source",)
    search_fields = ("source__public_id__exact",)
    search_help_text = _("Идентификатор источника")
    ordering = ("-pk",)


@admin.register(EmptyField)
class EmptyFieldAdmin(SupportAdmin):
    """Fields that were usually filled and are mostly empty now."""

    list_display = ("source", "field", "since", "calls", "empty", "calls_before", "empty_before")
    list_select_related = ("source",)
    search_fields = ("source__public_id__exact",)
    search_help_text = _("Идентификатор источника")
    ordering = ("-pk",)


@admin.register(SummaryMark)
class SummaryMarkAdmin(SupportAdmin):
    """Hours that changed and are to be counted anew."""

    list_display = ("cabinet", "hour")
    list_select_related = ("cabinet",)
    ordering = ("-pk",)


@admin.register(SummaryHour)
class SummaryHourAdmin(SupportAdmin):
    """Hours whose counts change by time alone."""

    list_display = ("cabinet", "hour", "valid_until")
    list_select_related = ("cabinet",)
    ordering = ("-pk",)


@admin.register(CallSummary)
class CallSummaryAdmin(SupportAdmin):
    """Calls by hour, source and kind."""

    list_display = ("cabinet", "hour", "source", "kind", "calls", "missed", "unrouted")
    list_select_related = ("cabinet", "source")
    ordering = ("-pk",)


@admin.register(DeliverySummary)
class DeliverySummaryAdmin(SupportAdmin):
    """Rows of the ledger by hour, counter, channel, kind, state and reason."""

    list_display = ("counter", "hour", "channel", "kind", "shown", "reason", "deliveries")
    list_select_related = ("counter",)
    ordering = ("-pk",)


@admin.register(DeliveryDay)
class DeliveryDayAdmin(SupportAdmin):
    """Rows of the ledger by day, counter, channel, kind, state and reason."""

    list_display = ("counter", "day", "channel", "kind", "shown", "reason", "deliveries")
    list_select_related = ("counter",)
    ordering = ("-pk",)


@admin.register(SummaryZone)
class SummaryZoneAdmin(SupportAdmin):
    """The time zones in which counts of days are stored."""

    list_display = ("cabinet", "zone")
    list_select_related = ("cabinet",)
    ordering = ("-pk",)
