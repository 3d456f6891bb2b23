"""Admin pages of uploaded files: how far each is and why rows were rejected; never the content."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import AgeFilter, SupportAdmin
from calls.admin.personal_data import sees_phones
from calls.masking import masked_text
from calls.models import FileError, FileImport, FilePiece


class ImportAge(AgeFilter):
    """By the time of the upload."""

    date_field = "created_at"


@admin.register(FileImport)
class FileImportAdmin(SupportAdmin):
    """Files, how they were read and what became of their rows.

    In a file without a header the names of the columns are the values of its first call.
    """

    list_display = ("name", "source", "state", "rows_total", "created_at", "error_code")
    list_filter = (ImportAge, "state")
    list_select_related = ("source",)
    search_fields = ("source__public_id__exact", "source__name", "source__cabinet__name")
    search_help_text = _("Идентификатор или название источника, кабинет")
    ordering = ("-pk",)
    never_fetched = ("preview",)
    fields = (
        *("source", "actor", "name", "size", "sha256", "has_file", "state"),
        *("error_code", "error_text", "kind", "sheet", "encoding", "delimiter"),
        *("header", "mapping", "preset", "rows_total", "valid", "invalid", "too_old", "tried"),
        *("plan", "is_sent", "created", "updated", "duplicate", "rejected", "failures"),
        *("created_at", "started_at", "finished_at"),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave the names of the columns out, unless the user may see phones whole."""
        hidden = () if sees_phones(request) else ("header", "mapping")
        return [name for name in super().get_fields(request, obj) if name not in hidden]


@admin.register(FilePiece)
class FilePieceAdmin(SupportAdmin):
    """Which parts of a file are stored; the bytes are never read."""

    list_display = ("file_import", "number")
    list_select_related = ("file_import",)
    search_fields = ("=file_import__pk",)
    search_help_text = _("Номер файла")
    ordering = ("-pk",)
    never_fetched = ("data",)
    fields = ("file_import", "number")


@admin.display(description=_("Причина"))
def masked_message(error: FileError) -> str:
    """Return the sentence with phones in it masked; it may quote a value."""
    return masked_text(error.message)


@admin.register(FileError)
class FileErrorAdmin(SupportAdmin):
    """Rows that cannot become calls, and why."""

    list_display = ("file_import", "row", "code", "field", masked_message)
    list_select_related = ("file_import",)
    search_fields = ("=file_import__pk",)
    search_help_text = _("Номер файла")
    ordering = ("-pk",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Mask the sentence, unless the user may see phones whole."""
        shown = "message" if sees_phones(request) else masked_message
        return ("file_import", "row", "code", "field", shown)
