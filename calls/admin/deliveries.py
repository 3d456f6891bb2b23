"""Admin page of deliveries."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from calls.admin import filters
from calls.admin.actions import DeliveryActions
from calls.admin.personal_data import OfCallAdmin, search_calls, sees_phones
from calls.decision.reasons import REASON_TITLES, hide_personal_data
from calls.models import (
    Delivery,
    Upload,
)
from calls.pages.status_messages import sentence_of
from calls.queries.blockers import blocker_of, of_channel
from calls.queries.display_state import with_display_state
from calls.queries.gathering import add_gathering
from calls.states import DisplayState

#: Digits of a bigint; Python refuses to convert a text of thousands of digits.
MAX_DIGITS = 19


@admin.register(Delivery)
class DeliveryAdmin(DeliveryActions, OfCallAdmin):
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Annotate with the display state and the reason."""
        return with_display_state(super().get_queryset(request), timezone.now())

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Delivery | None:
        """Mask what the sentence names of the call without the permission."""
        delivery: Delivery | None = super().get_object(request, object_id, from_field)
        if delivery is not None and not sees_phones(request):
            hide_personal_data([delivery])
        return delivery

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
        calls = search_calls(request, term)
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
        add_gathering([delivery], now=timezone.now())
        return sentence_of(delivery, blocker=blocker)
