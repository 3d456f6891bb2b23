"""Admin page of uploads; the content of a file is never shown."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cabinets.admin_base import SupportAdmin, current_user
from calls.admin import filters
from calls.delivery import recovery
from calls.models import (
    Upload,
    UploadAttempt,
)
from calls.pages.upload_page import figure_text, label_of, linked_figure, missed_figure, sent_at_of

UNKNOWN = "—"


class AttemptInline(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    """The attempts of one upload, on its page."""

    model = UploadAttempt
    fields = ("kind", "number", "started_at", "ended_at", "http_status", "error_class", "excerpt")
    ordering = ("started_at", "pk")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Attempts are a record of what happened: read-only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Attempts are a record of what happened: read-only."""
        return False


@admin.register(Upload)
class UploadAdmin(SupportAdmin):
    """Uploads and their attempts; the actions only bring forward what beat tasks may do."""

    list_display = (
        "id",
        "cabinet",
        "counter",
        "channel",
        "state_text",
        "attention",
        "rows",
        "line_quantity",
        "linked_text",
        "missed_text",
        "created_at",
    )
    list_filter = (filters.UploadAge, "state", "attention", "channel")
    list_select_related = ("cabinet", "counter")
    search_fields = ("marker__exact", "uploading_id__exact", "counter__number__exact")
    search_help_text = _("Метка, номер в Метрике или номер счетчика")
    inlines: ClassVar[list[Any]] = [AttemptInline]
    ordering = ("-pk",)
    readonly_fields = ("state_text", "sent_time", "linked_text", "missed_text")
    actions = ("retry", "gather_again", "look_up", "poll", "call_off")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Show the state as in the cabinet."""
        shown = {
            "state": "state_text",
            "sent_at": "sent_time",
            "linked_quantity": "linked_text",
            "user_not_found_quantity": "missed_text",
        }
        names = [str(name) for name in super().get_fields(request, obj)]
        return [shown.get(name, name) for name in names if name not in shown.values()]

    @admin.display(description=_("Состояние"))
    def state_text(self, upload: Upload) -> str:
        """Return the state as in the cabinet."""
        return label_of(upload)

    @admin.display(description=_("Отправлена"))
    def sent_time(self, upload: Upload) -> str:
        """Return when it was sent; «—» while Metrika is not known to have it."""
        sent_at = sent_at_of(upload)
        return date_format(timezone.localtime(sent_at), "j b Y, H:i:s") if sent_at else UNKNOWN

    @admin.display(description=_("Привязано"))
    def linked_text(self, upload: Upload) -> str:
        """Return how many rows are linked, or why that is not known, as in the cabinet."""
        return figure_text(linked_figure(upload)) or UNKNOWN

    @admin.display(description=_("Визит не найден"))
    def missed_text(self, upload: Upload) -> str:
        """Return how many rows have no visit; «—» when Metrika did not tell."""
        return figure_text(missed_figure(upload)) or UNKNOWN

    @admin.action(description=_("Повторить отправку"), permissions=["run_actions"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Retry uploads that Metrika certainly does not have."""
        moved = recovery.retry_uploads(
            _ids(queryset), actor=current_user(request), now=timezone.now()
        )
        self._show_count(request, moved)

    @admin.action(description=_("Проверить, дошла ли, сейчас"), permissions=["run_actions"])
    def look_up(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Schedule the lookup of unclear uploads for the next run."""
        self._show_count(request, recovery.look_up_now(_ids(queryset), actor=current_user(request)))

    @admin.action(description=_("Спросить Метрику сейчас"), permissions=["run_actions"])
    def poll(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Schedule the poll of sent uploads for the next run."""
        moved = recovery.poll_now(_ids(queryset), actor=current_user(request), now=timezone.now())
        self._show_count(request, moved)

    @admin.action(description=_("Собрать заново"), permissions=["run_actions"])
    def gather_again(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Return the rows of refused uploads to the queue, to be batched with current values."""
        ids, actor = _ids(queryset), current_user(request)
        self._show_count(request, recovery.gather_again(ids, actor=actor, now=timezone.now()))

    @admin.action(description=_("Отменить отправку"), permissions=["run_actions"])
    def call_off(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Call off uploads that certainly have not arrived."""
        moved = recovery.call_off_uploads(
            _ids(queryset), actor=current_user(request), now=timezone.now()
        )
        self._show_count(request, moved)

    def _show_count(self, request: HttpRequest, count: int) -> None:
        text = ngettext("Поставлена в очередь %d выгрузка.", "Поставлено в очередь: %d.", count)
        self.message_user(request, text % count, messages.SUCCESS if count else messages.WARNING)


def _ids(uploads: QuerySet[Upload]) -> list[int]:
    return list(uploads.values_list("pk", flat=True))
