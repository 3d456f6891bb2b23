"""Admin pages of calls, deliveries and uploads; the content of a file is never shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cabinets.admin_base import SupportAdmin, signed_in
from calls.admin import filters
from calls.admin.actions import DeliveryActions
from calls.decision.reasons import REASON_TITLES
from calls.delivery import recovery
from calls.models import (
    Call,
    CallKey,
    Delivery,
    IngestReceipt,
    Upload,
    UploadAttempt,
)
from calls.pages.status_messages import sentence_of
from calls.pages.upload_page import label_of
from calls.phones import masked_phone
from calls.queries.blockers import blocker_of, of_channel
from calls.queries.display_state import with_display_state
from calls.queries.search import call_ids
from calls.states import DisplayState

#: The permission to see whole phones and the raw records of calls.
SEES_PERSONAL_DATA = "calls.view_personal_data"
#: Digits of a bigint; Python refuses to convert a text of thousands of digits.
MAX_DIGITS = 19


def _search(request: HttpRequest, text: str) -> list[int]:
    return call_ids(text, sees_phones=_sees_phones(request))


def _sees_phones(request: HttpRequest) -> bool:
    return signed_in(request).has_perm(SEES_PERSONAL_DATA)


def _permitted(request: HttpRequest, names: Iterable[Any]) -> list[Any]:
    """Return the columns: with the permission the whole phone, else no raw record."""
    if _sees_phones(request):
        return ["phone" if name == "shown_phone" else name for name in names]
    return [name for name in names if name != "raw"]


def _ids(uploads: QuerySet[Upload]) -> list[int]:
    return list(uploads.values_list("pk", flat=True))


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
    list_filter = (filters.MonthAge, "kind", "is_test")
    list_select_related = ("cabinet",)
    search_fields = ("external_id",)
    search_help_text = _("Номер звонка или телефон целиком, или 4 последние цифры телефона")
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
        return _permitted(request, self.list_display)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Show one of the two phones, and the raw record with the permission."""
        fields = [name for name in super().get_fields(request, obj) if name != "shown_phone"]
        fields = ["shown_phone" if name == "phone" else name for name in fields]
        return _permitted(request, fields)

    @admin.display(description=_("Телефон"), empty_value="—")
    def shown_phone(self, call: Call) -> str:
        """Return the masked phone."""
        return masked_phone(call.phone)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Call], search_term: str
    ) -> tuple[QuerySet[Call], bool]:
        """Search by the external id or the phone only: these have indexes."""
        if not search_term:
            return queryset, False
        return queryset.filter(pk__in=_search(request, search_term)), False


@admin.register(Delivery)
class DeliveryAdmin(DeliveryActions, SupportAdmin):
    """The ledger; support can release, call off or send again single calls."""

    list_display = (
        "call",
        "cabinet",
        "counter",
        "channel",
        "display_state",
        "why",
        "upload",
        "decided_at",
    )
    list_filter = (
        filters.MonthAge,
        filters.DisplayStateFilter,
        filters.ReasonFilter,
        "channel",
    )
    list_select_related = ("call", "cabinet", "counter", "upload")
    search_fields = ("call__external_id",)
    search_help_text = _(
        "Номер звонка, телефон или 4 его последние цифры, номер счетчика, метка выгрузки"
    )
    # The primary key in the database begins with call_id; the id of deliveries has no index.
    ordering = ("-call_id",)
    readonly_fields = ("display_state", "why", "sentence")
    actions = ("release", "call_off", "send_again")
    never_fetched = ("call__raw", "call__page_url")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Annotate with the display state and the reason."""
        return with_display_state(super().get_queryset(request), timezone.now())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """Search by what has an index: a marker, a counter's number, a call or a phone."""
        term = search_term.strip()
        if not term:
            return queryset, False
        uploads = list(Upload.objects.filter(marker=term).values_list("pk", flat=True))
        if uploads:
            return queryset.filter(upload__in=uploads), False
        calls = _search(request, term)
        if calls or not term.isdecimal() or len(term) > MAX_DIGITS:
            return queryset.filter(call_id__in=calls), False
        return queryset.filter(counter__number=int(term)), False

    @admin.display(description=_("Состояние"))
    def display_state(self, delivery: Any) -> str:
        """Return the label of the display state."""
        return str(DisplayState(delivery.display_state).label)

    @admin.display(description=_("Причина"), empty_value="—")
    def why(self, delivery: Any) -> str:
        """Return the title of the reason."""
        return str(REASON_TITLES.get(delivery.why, delivery.why))

    @admin.display(description=_("Что видит клиент"), empty_value="—")
    def sentence(self, delivery: Any) -> str:
        """Return the sentence shown beside the state in the cabinet."""
        counter = delivery.counter
        blocker = of_channel(counter, delivery.channel, blocker_of(counter, now=timezone.now()))
        return sentence_of(delivery, blocker=blocker)


class AttemptInline(admin.TabularInline):
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
        "created_at",
    )
    list_filter = (filters.UploadAge, "state", "attention", "channel")
    list_select_related = ("cabinet", "counter")
    search_fields = ("marker__exact", "uploading_id__exact", "counter__number__exact")
    search_help_text = _("Метка, номер в Метрике или номер счетчика")
    inlines: ClassVar[list[Any]] = [AttemptInline]
    ordering = ("-pk",)
    readonly_fields = ("state_text",)
    actions = ("retry", "gather_again", "look_up", "poll", "call_off")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Show the state as in the cabinet."""
        fields = [name for name in super().get_fields(request, obj) if name != "state_text"]
        return ["state_text" if name == "state" else name for name in fields]

    @admin.display(description=_("Состояние"))
    def state_text(self, upload: Upload) -> str:
        """Return the state as in the cabinet."""
        return label_of(upload)

    @admin.action(description=_("Повторить отправку"), permissions=["steer"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Retry uploads that Metrika certainly does not have."""
        moved = recovery.retry_uploads(_ids(queryset), actor=signed_in(request), now=timezone.now())
        self._show_count(request, moved)

    @admin.action(description=_("Проверить, дошла ли, сейчас"), permissions=["steer"])
    def look_up(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Schedule the lookup of unclear uploads for the next tick."""
        self._show_count(request, recovery.look_up_now(_ids(queryset), actor=signed_in(request)))

    @admin.action(description=_("Спросить Метрику сейчас"), permissions=["steer"])
    def poll(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Schedule the poll of sent uploads for the next tick."""
        moved = recovery.poll_now(_ids(queryset), actor=signed_in(request), now=timezone.now())
        self._show_count(request, moved)

    @admin.action(description=_("Собрать заново"), permissions=["steer"])
    def gather_again(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Return the rows of refused uploads to the queue, to be batched with current values."""
        ids, actor = _ids(queryset), signed_in(request)
        self._show_count(request, recovery.gather_again(ids, actor=actor, now=timezone.now()))

    @admin.action(description=_("Отменить отправку"), permissions=["steer"])
    def call_off(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Call off uploads that certainly have not arrived."""
        moved = recovery.call_off_uploads(
            _ids(queryset), actor=signed_in(request), now=timezone.now()
        )
        self._show_count(request, moved)

    def _show_count(self, request: HttpRequest, count: int) -> None:
        text = ngettext("Поставлена в очередь %d выгрузка.", "Поставлено в очередь: %d.", count)
        self.message_user(request, text % count, messages.SUCCESS if count else messages.WARNING)


@admin.register(CallKey)
class CallKeyAdmin(SupportAdmin):
    """External ids, kept for ever."""

    list_display = ("external_id", "cabinet", "partition_at")
    list_select_related = ("cabinet",)
    search_fields = ("external_id",)
    ordering = ("-pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CallKey], search_term: str
    ) -> tuple[QuerySet[CallKey], bool]:
        """Search by the whole external id, with the index that begins with the cabinet."""
        return queryset.filter(
            pk__in=_search(request, search_term)
        ) if search_term else queryset, False


@admin.register(IngestReceipt)
class IngestReceiptAdmin(SupportAdmin):
    """Stored responses to requests that delivered calls."""

    list_display = ("webhook_id", "source", "received_at")
    list_select_related = ("source",)
    search_fields = ("webhook_id__exact", "source__public_id__exact")
    ordering = ("-pk",)
