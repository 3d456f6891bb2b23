"""Admin pages of calls, of their external ids and of stored responses to the API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import SupportAdmin
from calls.admin import filters
from calls.admin.personal_data import permitted_columns, search_calls
from calls.models import (
    Call,
    CallKey,
    IngestReceipt,
)
from calls.phones import shown_phone

SEARCH_HELP = _(
    "Номер звонка или телефон целиком, или 4 последние цифры телефона. Без права видеть телефоны "
    "ищем только по последним 4 цифрам, сколько бы вы ни ввели"
)


@admin.register(Call)
class CallAdmin(SupportAdmin):
    """Calls as they were parsed and, with the permission, their raw records."""

    list_display = (
        "external_id",
        "cabinet",
        "kind",
        "started_at",
        "shown_phone",
        "status",
        "received_at",
    )
    readonly_fields = ("shown_phone",)
    list_filter = (filters.MonthAge, "kind", "is_test", filters.IdentityConflict)
    list_select_related = ("cabinet",)
    search_fields = ("external_id",)
    search_help_text = SEARCH_HELP
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Call]:
        """Load the raw records on the page of one call only."""
        calls = super().get_queryset(request)
        is_page = (
            request.resolver_match is not None and "object_id" in request.resolver_match.kwargs
        )
        return calls if is_page else calls.defer("raw", "page_url")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Show whole phones with the permission."""
        return permitted_columns(request, self.list_display)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Show one of the two phones, and the raw record with the permission."""
        fields = [name for name in super().get_fields(request, obj) if name != "shown_phone"]
        fields = ["shown_phone" if name == "phone" else name for name in fields]
        return permitted_columns(request, fields)

    @admin.display(description=_("Телефон"), empty_value="—")
    def shown_phone(self, call: Call) -> str:
        """Return the masked phone."""
        return shown_phone(call.phone, call.phone_text, is_whole=False)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Call], search_term: str
    ) -> tuple[QuerySet[Call], bool]:
        """Search by the external id or the phone only: these have indexes."""
        if not search_term:
            return queryset, False
        return queryset.filter(pk__in=search_calls(request, search_term)), False


@admin.register(CallKey)
class CallKeyAdmin(SupportAdmin):
    """External ids, kept for ever."""

    list_display = ("external_id", "cabinet", "partition_at")
    list_select_related = ("cabinet",)
    search_fields = ("external_id",)
    search_help_text = SEARCH_HELP
    ordering = ("-pk",)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Show whole ids with the permission."""
        return permitted_columns(request, self.list_display, CallKey)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Show the whole id with the permission."""
        return permitted_columns(request, super().get_fields(request, obj), CallKey)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CallKey], search_term: str
    ) -> tuple[QuerySet[CallKey], bool]:
        """Search by the whole external id, with the index that begins with the cabinet."""
        return queryset.filter(
            pk__in=search_calls(request, search_term)
        ) if search_term else queryset, False


@admin.register(IngestReceipt)
class IngestReceiptAdmin(SupportAdmin):
    """Stored responses to requests that delivered calls."""

    list_display = ("webhook_id", "source", "received_at")
    list_select_related = ("source",)
    search_fields = ("webhook_id__exact", "source__public_id__exact")
    ordering = ("-pk",)
