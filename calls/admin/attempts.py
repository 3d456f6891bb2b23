"""Admin pages of upload attempts and of upload files (their size, never their content)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Func, IntegerField, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import SupportAdmin
from calls.admin import filters
from calls.models import UploadAttempt, UploadFile


@admin.register(UploadAttempt)
class UploadAttemptAdmin(SupportAdmin):
    """Attempts and lookups of all uploads."""

    list_display = ("upload", "kind", "number", "started_at", "http_status", "error_class")
    list_filter = (filters.AttemptAge, "kind", filters.AttemptOutcome)
    list_select_related = ("upload",)
    search_fields = ("upload__marker__exact",)
    ordering = ("-started_at",)


@admin.register(UploadFile)
class UploadFileAdmin(SupportAdmin):
    """Whether an upload's file is stored, and its size; never its content."""

    list_display = ("upload", "size")
    list_select_related = ("upload",)
    search_fields = ("upload__marker__exact",)
    fields = ("upload", "size")
    readonly_fields = ("size",)
    never_fetched = ("body",)
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[UploadFile]:
        """Annotate the number of bytes, computed by the database."""
        length = Func("body", function="octet_length", output_field=IntegerField())
        files: QuerySet[UploadFile] = super().get_queryset(request)
        return files.annotate(length=length)

    @admin.display(description=_("Размер, байт"))
    def size(self, file: Any) -> int:
        """Return the number of bytes."""
        return int(file.length)
