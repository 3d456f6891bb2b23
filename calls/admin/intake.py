"""Admin pages of what came in: counts, rejected records, requests as they came, mappings."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import AgeFilter, SupportAdmin
from calls.admin.personal_data import sees_phones
from calls.masking import masked_text, masked_value
from calls.models import Intake, ReceivedRequest, RejectedRecord, SourceMapping


class IntakeAge(AgeFilter):
    """By the time of the request, or the hour."""

    date_field = "at"


class RejectedAge(AgeFilter):
    """By the last time."""

    date_field = "last_at"


@admin.register(Intake)
class IntakeAdmin(SupportAdmin):
    """Counts of the records of requests; of earlier hours one row an hour and way."""

    list_display = (
        *("at", "source", "way", "received", "created", "updated", "duplicate", "rejected"),
        "is_hour",
    )
    list_filter = (IntakeAge, "way")
    list_select_related = ("source",)
    search_fields = ("source__public_id__exact",)
    ordering = ("-pk",)


@admin.display(description=_("Номер в CallKeeper"))
def masked_id(record: RejectedRecord) -> str:
    """Return the id with its middle hidden; it may be a phone."""
    return masked_value(record.external_id)


@admin.display(description=_("Причина"))
def masked_message(row: RejectedRecord | ReceivedRequest) -> str:
    """Return the sentence with phones in it masked; it may quote a value."""
    return masked_text(row.message)


class _Masked(SupportAdmin):
    """Rows with a sentence that may quote a record, and a record that is never fetched."""

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Mask what may hold a phone, unless the user may see it whole."""
        return _with_masks(request, super().get_list_display(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Mask the same on the page of one row."""
        return _with_masks(request, super().get_fields(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Name the masked columns, which are no fields of the model."""
        return self.get_fields(request, obj)


def _with_masks(request: HttpRequest, names: Any) -> list[Any]:
    if sees_phones(request):
        return list(names)
    masks: dict[Any, Any] = {"external_id": masked_id, "message": masked_message}
    return [masks.get(name, name) for name in names]


@admin.register(RejectedRecord)
class RejectedRecordAdmin(_Masked):
    """Records that could not become calls; never the record itself."""

    list_display = ("last_at", "source", "way", "code", "field", "message", "times", "replayed_at")
    list_filter = (RejectedAge, "way")
    list_select_related = ("source",)
    search_fields = ("source__public_id__exact", "code__exact")
    fields = (
        *("source", "way", "first_at", "last_at", "times", "code", "field", "message"),
        *("external_id", "replayed_at"),
    )
    never_fetched = ("raw",)
    ordering = ("-pk",)


@admin.register(ReceivedRequest)
class ReceivedRequestAdmin(_Masked):
    """The last requests to secret addresses; never what they carried."""

    list_display = ("at", "source", "method", "content_type", "records", "accepted", "code")
    list_filter = (IntakeAge,)
    list_select_related = ("source",)
    search_fields = ("source__public_id__exact",)
    fields = (
        *("source", "at", "method", "content_type", "records", "accepted", "code", "message"),
    )
    never_fetched = ("record",)
    ordering = ("-pk",)


@admin.register(SourceMapping)
class SourceMappingAdmin(SupportAdmin):
    """Which of a sender's fields become which of ours."""

    list_display = ("source", "preset", "version", "saved_at", "saved_by")
    list_select_related = ("source", "saved_by")
    search_fields = ("source__public_id__exact",)
    ordering = ("-pk",)
