"""The support desk for calls, the ledger and uploads. Never the bytes of a file."""

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
from calls.admin import attempts as attempts  # the same
from calls.admin import filters
from calls.admin import reconciliation as reconciliation  # registers its desks
from calls.admin import usage as usage  # the same
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

#: The right to see whole phones and the records of calls as they came.
SEES_PERSONAL_DATA = "calls.view_personal_data"
#: Of a bigint; of thousands of digits Python makes no number at all.
MOST_DIGITS = 19


def _found(request: HttpRequest, text: str) -> list[int]:
    return call_ids(text, sees_phones=_sees_phones(request))


def _sees_phones(request: HttpRequest) -> bool:
    return signed_in(request).has_perm(SEES_PERSONAL_DATA)


def _as_allowed(request: HttpRequest, names: Iterable[Any]) -> list[Any]:
    """Return the columns with the whole phone for the masked one, else without the raw record."""
    if _sees_phones(request):
        return ["phone" if name == "masked" else name for name in names]
    return [name for name in names if name != "raw"]


def _ids(uploads: QuerySet[Upload]) -> list[int]:
    return list(uploads.values_list("pk", flat=True))


@admin.register(Call)
class CallAdmin(SupportAdmin):
    """Calls as they were read and, to those with the right, as they came."""

    list_display = (
        "external_id",
        "cabinet",
        "kind",
        "started_at",
        "masked",
        "status",
        "received_at",
    )
    readonly_fields = ("masked",)
    list_filter = (filters.MonthAge, "kind", "is_test")
    list_select_related = ("cabinet",)
    search_fields = ("external_id",)
    search_help_text = _("Номер звонка или телефон целиком, или 4 последние цифры телефона")
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Call]:
        """Leave the raw records to the page of one call."""
        calls = super().get_queryset(request)
        is_page = (
            request.resolver_match is not None and "object_id" in request.resolver_match.kwargs
        )
        return calls if is_page else calls.defer("raw", "page_url")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Show whole phones to those with the right."""
        return _as_allowed(request, self.list_display)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Show one of the two phones, and the record as it came to those with the right."""
        fields = [name for name in super().get_fields(request, obj) if name != "masked"]
        fields = ["masked" if name == "phone" else name for name in fields]
        return _as_allowed(request, fields)

    @admin.display(description=_("Телефон"), empty_value="—")
    def masked(self, call: Call) -> str:
        """Return the phone without its middle."""
        return masked_phone(call.phone)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Call], search_term: str
    ) -> tuple[QuerySet[Call], bool]:
        """Search where there are indexes."""
        if not search_term:
            return queryset, False
        return queryset.filter(pk__in=_found(request, search_term)), False


@admin.register(Delivery)
class DeliveryAdmin(DeliveryActions, SupportAdmin):
    """The ledger; a person can release, call off or repeat single calls."""

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
    # The numbers of calls lead the database's own key; those of deliveries have no such index.
    ordering = ("-call_id",)
    readonly_fields = ("display_state", "why", "told")
    actions = ("release", "call_off", "send_again")
    never_fetched = ("call__raw", "call__page_url")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Annotate with what the customer is shown."""
        return with_display_state(super().get_queryset(request), timezone.now())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """Search where there are indexes: a marker, a counter's number, a call or a phone."""
        term = search_term.strip()
        if not term:
            return queryset, False
        uploads = list(Upload.objects.filter(marker=term).values_list("pk", flat=True))
        if uploads:
            return queryset.filter(upload__in=uploads), False
        calls = _found(request, term)
        if calls or not term.isdecimal() or len(term) > MOST_DIGITS:
            return queryset.filter(call_id__in=calls), False
        return queryset.filter(counter__number=int(term)), False

    @admin.display(description=_("Состояние"))
    def display_state(self, delivery: Any) -> str:
        """Return the state in the words of the cabinet."""
        return str(DisplayState(delivery.display_state).label)

    @admin.display(description=_("Причина"), empty_value="—")
    def why(self, delivery: Any) -> str:
        """Return the reason in a word or two."""
        return str(REASON_TITLES.get(delivery.why, delivery.why))

    @admin.display(description=_("Что видит клиент"), empty_value="—")
    def told(self, delivery: Any) -> str:
        """Return the sentence that stands beside the state in the cabinet."""
        counter = delivery.counter
        blocker = of_channel(counter, delivery.channel, blocker_of(counter, now=timezone.now()))
        return sentence_of(delivery, blocker=blocker)


class AttemptInline(admin.TabularInline):
    """The tries of one upload, on its page."""

    model = UploadAttempt
    fields = ("kind", "number", "started_at", "ended_at", "http_status", "error_class", "excerpt")
    ordering = ("started_at", "pk")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tries are evidence."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tries are evidence."""
        return False


@admin.register(Upload)
class UploadAdmin(SupportAdmin):
    """Uploads and their tries; a person can hurry the clock, never do what it may not do."""

    list_display = (
        "id",
        "cabinet",
        "counter",
        "channel",
        "standing",
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
    readonly_fields = ("standing",)
    actions = ("retry", "gather_again", "look_up", "poll", "call_off")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Say the state in the words of the cabinet."""
        fields = [name for name in super().get_fields(request, obj) if name != "standing"]
        return ["standing" if name == "state" else name for name in fields]

    @admin.display(description=_("Состояние"))
    def standing(self, upload: Upload) -> str:
        """Return the state in the words of the cabinet."""
        return label_of(upload)

    @admin.action(description=_("Повторить отправку"), permissions=["steer"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Send again what Metrika certainly does not have."""
        moved = recovery.retry_uploads(_ids(queryset), actor=signed_in(request), now=timezone.now())
        self._tell(request, moved)

    @admin.action(description=_("Проверить, дошла ли, сейчас"), permissions=["steer"])
    def look_up(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Look unclear uploads up at the next tick."""
        self._tell(request, recovery.look_up_now(_ids(queryset), actor=signed_in(request)))

    @admin.action(description=_("Спросить Метрику сейчас"), permissions=["steer"])
    def poll(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Ask about sent uploads at the next tick."""
        moved = recovery.poll_now(_ids(queryset), actor=signed_in(request), now=timezone.now())
        self._tell(request, moved)

    @admin.action(description=_("Собрать заново"), permissions=["steer"])
    def gather_again(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Let the rows of refused uploads be gathered with today's values."""
        ids, actor = _ids(queryset), signed_in(request)
        self._tell(request, recovery.gather_again(ids, actor=actor, now=timezone.now()))

    @admin.action(description=_("Отменить отправку"), permissions=["steer"])
    def call_off(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        """Call off what certainly has not arrived."""
        moved = recovery.call_off_uploads(
            _ids(queryset), actor=signed_in(request), now=timezone.now()
        )
        self._tell(request, moved)

    def _tell(self, request: HttpRequest, count: int) -> None:
        text = ngettext("Поставлена в очередь %d выгрузка.", "Поставлено в очередь: %d.", count)
        self.message_user(request, text % count, messages.SUCCESS if count else messages.WARNING)


@admin.register(CallKey)
class CallKeyAdmin(SupportAdmin):
    """External ids, for ever."""

    list_display = ("external_id", "cabinet", "partition_at")
    list_select_related = ("cabinet",)
    search_fields = ("external_id",)
    ordering = ("-pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CallKey], search_term: str
    ) -> tuple[QuerySet[CallKey], bool]:
        """Search by the whole external id, through the index that leads by cabinet."""
        return queryset.filter(
            pk__in=_found(request, search_term)
        ) if search_term else queryset, False


@admin.register(IngestReceipt)
class IngestReceiptAdmin(SupportAdmin):
    """Answers given to requests that brought calls."""

    list_display = ("webhook_id", "source", "received_at")
    list_select_related = ("source",)
    search_fields = ("webhook_id__exact", "source__public_id__exact")
    ordering = ("-pk",)
