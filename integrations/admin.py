"""The support desk for Yandex accounts, link attempts and the request budget. Never a token."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cabinets.admin_base import AgeFilter, SupportAdmin, signed_in
from integrations.linking import flow
from integrations.models import (
    LinkAttempt,
    MetrikaClock,
    RequestDay,
    RequestSecond,
    RequestSlot,
    YandexAccount,
)
from integrations.tokens import refresh

#: Written as the reason of the state when support asks the customer to connect anew.
ASKED_BY_SUPPORT = "support"


@admin.register(YandexAccount)
class YandexAccountAdmin(SupportAdmin):
    """Linked accounts and their state."""

    list_display = ("login", "yandex_uid", "cabinet", "state", "state_reason", "expires_at")
    list_filter = ("state",)
    list_select_related = ("cabinet",)
    search_fields = ("login", "yandex_uid__exact", "cabinet__name")
    search_help_text = _("Логин, номер в Яндексе или название кабинета")
    fields = (
        ("cabinet", "login", "yandex_uid", "display_name"),
        ("state", "state_reason", "state_changed_at"),
        "scopes",
        ("token_issued_at", "renewed_at", "expires_at", "probed_at"),
        ("connected_at", "connected_by", "disconnected_at"),
        "counters_refreshed_at",
    )
    never_fetched = ("access_token", "refresh_token")
    ordering = ("-pk",)
    actions = ("require_reconnection", "disconnect")

    @admin.action(description=_("Попросить переподключить"), permissions=["steer"])
    def require_reconnection(self, request: HttpRequest, queryset: QuerySet[YandexAccount]) -> None:
        """Let what waits for the account wait until the customer has connected it again."""
        for account in queryset:
            refresh.mark_reauth_required(account.pk, ASKED_BY_SUPPORT, actor=signed_in(request))
        self._tell(request, len(queryset))

    @admin.action(description=_("Отключить от кабинета"), permissions=["steer"])
    def disconnect(self, request: HttpRequest, queryset: QuerySet[YandexAccount]) -> None:
        """Forget the tokens, as the customer's own button does."""
        for account in queryset.exclude(state=YandexAccount.State.DISCONNECTED):
            flow.disconnect(account, user=signed_in(request), now=timezone.now())
        self._tell(request, len(queryset))

    def _tell(self, request: HttpRequest, count: int) -> None:
        text = ngettext("Изменён %d аккаунт.", "Изменено аккаунтов: %d.", count) % count
        self.message_user(request, text, messages.SUCCESS)


@admin.register(LinkAttempt)
class LinkAttemptAdmin(SupportAdmin):
    """Links under way; the state, its session and the verifier stay hidden."""

    list_display = ("created_at", "cabinet", "user", "mode", "expected_uid")
    list_filter = ("mode",)
    list_select_related = ("cabinet", "user")
    search_fields = ("expected_uid__exact", "cabinet__name", "user__username")
    fields = ("created_at", "cabinet", "user", "mode", "expected_uid", "authorisation_server")
    never_fetched = ("code_verifier", "state_digest", "session_digest")
    ordering = ("-pk",)


class RequestDayAge(AgeFilter):
    """By the day of the requests."""

    moment = "day"


@admin.register(RequestDay)
class RequestDayAdmin(SupportAdmin):
    """What each login spent of its daily requests, and its pauses."""

    list_display = (
        "yandex_uid",
        "day",
        "uploads",
        "polls",
        "other",
        "paused_until",
        "paused_reason",
    )
    list_filter = (RequestDayAge,)
    search_fields = ("yandex_uid__exact",)
    ordering = ("-pk",)


@admin.register(RequestSlot)
class RequestSlotAdmin(SupportAdmin):
    """The parallel requests of each login."""

    list_display = ("yandex_uid", "number", "held_until", "holder")
    search_fields = ("yandex_uid__exact",)
    ordering = ("-pk",)


@admin.register(MetrikaClock)
class MetrikaClockAdmin(SupportAdmin):
    """By how much Metrika's clock is ahead of ours; the day of a quota is Metrika's."""

    list_display = ("ahead_seconds", "changed_at")
    ordering = ("-pk",)


@admin.register(RequestSecond)
class RequestSecondAdmin(SupportAdmin):
    """Requests of all processes in one second."""

    list_display = ("second", "used")
    ordering = ("-pk",)
