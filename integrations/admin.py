"""Admin of Yandex accounts, link attempts and the request budget. It never shows a token."""

from __future__ import annotations

from contextlib import suppress

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cabinets.admin_base import AgeFilter, SupportAdmin, current_user
from integrations.linking import flow
from integrations.models import (
    Installation,
    LinkAttempt,
    MetrikaClock,
    RequestDay,
    RequestOutcome,
    RequestSecond,
    RequestSlot,
    YandexAccount,
    YandexAccountQuerySet,
    YandexOutage,
)
from integrations.tokens import refresh

#: The reason of the state when support requires a reconnect.
REQUIRED_BY_SUPPORT = "support"


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

    @admin.action(description=_("Попросить переподключить"), permissions=["run_actions"])
    def require_reconnection(self, request: HttpRequest, queryset: QuerySet[YandexAccount]) -> None:
        """Hold the account's deliveries until the customer has reconnected it."""
        for account in queryset:
            refresh.mark_reauth_required(
                account.pk, REQUIRED_BY_SUPPORT, actor=current_user(request)
            )
        self._notify(request, len(queryset))

    @admin.action(description=_("Отключить от кабинета"), permissions=["run_actions"])
    def disconnect(self, request: HttpRequest, queryset: YandexAccountQuerySet) -> None:
        """Delete the tokens, as the customer's own button does."""
        done = 0
        for account in queryset.linked():
            # One that was disconnected in the meantime is left alone.
            with suppress(YandexAccount.DoesNotExist):
                flow.disconnect(account, user=current_user(request), now=timezone.now())
                done += 1
        self._notify(request, done)

    def _notify(self, request: HttpRequest, count: int) -> None:
        text = ngettext("Изменён %d аккаунт.", "Изменено аккаунтов: %d.", count) % count
        self.message_user(request, text, messages.SUCCESS)


@admin.register(LinkAttempt)
class LinkAttemptAdmin(SupportAdmin):
    """Unfinished attempts, without state, session and verifier."""

    list_display = ("created_at", "cabinet", "user", "mode", "expected_uid")
    list_filter = ("mode",)
    list_select_related = ("cabinet", "user")
    search_fields = ("expected_uid__exact", "cabinet__name", "user__username")
    fields = ("created_at", "cabinet", "user", "mode", "expected_uid", "authorisation_server")
    never_fetched = ("code_verifier", "state_digest", "session_digest")
    ordering = ("-pk",)


class RequestDayAge(AgeFilter):
    """By the day of the requests."""

    date_field = "day"


@admin.register(RequestDay)
class RequestDayAdmin(SupportAdmin):
    """Requests per login and day, and pauses."""

    list_display = (
        "yandex_uid",
        "day",
        "uploads",
        "polls",
        "looks",
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
    """How far Metrika's clock is ahead of ours; quotas follow Metrika's day."""

    list_display = ("ahead_seconds", "changed_at")
    ordering = ("-pk",)


@admin.register(RequestSecond)
class RequestSecondAdmin(SupportAdmin):
    """Requests of all processes per fifth of a second."""

    list_display = ("second", "used")
    ordering = ("-pk",)


@admin.register(Installation)
class InstallationAdmin(SupportAdmin):
    """The installation, and whether its sending is halted. Commands change it, not this page."""

    list_display = ("uid", "public_host", "kind", "epoch", "halt_reason", "halted_at")
    fields = (
        ("uid", "public_host", "kind", "adopted_at"),
        ("halt_reason", "halted_at"),
        ("epoch", "look_after"),
    )
    ordering = ("-pk",)


@admin.register(RequestOutcome)
class RequestOutcomeAdmin(SupportAdmin):
    """How the requests of each minute ended."""

    list_display = ("minute", "yandex_uid", "outcome", "requests")
    search_fields = ("yandex_uid__exact",)
    search_help_text = _("Номер в Яндексе")
    ordering = ("-pk",)


@admin.register(YandexOutage)
class YandexOutageAdmin(SupportAdmin):
    """Times in which Yandex failed for many."""

    list_display = ("outcome", "began_at", "ended_at", "failed")
    ordering = ("-pk",)
