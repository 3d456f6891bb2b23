"""Admin pages of how long calls take until Metrika has accepted them."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import SupportAdmin
from calls.models import DeliveryDelay, Freshness, MovedDelay


@admin.register(Freshness)
class FreshnessAdmin(SupportAdmin):
    """Percentiles of a counter; of all counters in the row without one."""

    list_display = ("counter", "day_calls", "day_p50", "day_p95", "week_p95", "counted_at")
    list_select_related = ("counter",)
    search_fields = ("counter__number__exact",)
    search_help_text = _("Номер счетчика")
    ordering = ("-pk",)


@admin.register(DeliveryDelay)
class DeliveryDelayAdmin(SupportAdmin):
    """Histograms of delays by hour."""

    list_display = ("counter", "hour", "bucket", "calls")
    list_select_related = ("counter",)
    search_fields = ("counter__number__exact",)
    search_help_text = _("Номер счетчика")
    ordering = ("-pk",)


@admin.register(MovedDelay)
class MovedDelayAdmin(SupportAdmin):
    """Calls of these histograms that count in a later hour."""

    list_display = ("counter", "hour", "bucket", "moved_in", "calls")
    list_select_related = ("counter",)
    search_fields = ("counter__number__exact",)
    search_help_text = _("Номер счетчика")
    ordering = ("-pk",)
