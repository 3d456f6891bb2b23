"""Admin pages of upload attempts, and of upload files (their size, never their content)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import SupportAdmin
from calls.admin import filters
from calls.delivery import file_store
from calls.models import UploadAttempt, UploadFile, UploadPiece


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
        files: QuerySet[UploadFile] = super().get_queryset(request)
        return files.annotate(length=file_store.length())

    @admin.display(description=_("Размер, байт"))
    def size(self, file: Any) -> int:
        """Return the number of bytes."""
        return int(file.length)


@admin.register(UploadPiece)
class UploadPieceAdmin(SupportAdmin):
    """The pieces of the files and their sizes; never their content."""

    list_display = ("file", "first_row", "size")
    search_fields = ("file__upload__marker__exact",)
    fields = ("file", "first_row", "size")
    readonly_fields = ("size",)
    never_fetched = ("body",)
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[UploadPiece]:
        """Annotate the number of bytes, computed by the database."""
        pieces: QuerySet[UploadPiece] = super().get_queryset(request)
        return pieces.annotate(length=Length("body"))

    @admin.display(description=_("Размер, байт"))
    def size(self, piece: Any) -> int:
        """Return the number of bytes."""
        return int(piece.length)
