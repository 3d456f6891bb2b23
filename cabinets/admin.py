"""Admin of cabinets, memberships, sources of calls and the audit trail."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cabinets import sources
from cabinets.admin_base import AgeFilter, EditableAdmin, SupportAdmin, current_user
from cabinets.admin_owners import KeepsOwners, MembershipForm
from cabinets.models import (
    AuditEvent,
    Cabinet,
    CallSource,
    Invitation,
    Membership,
    SecretAddress,
    SigningSecret,
)
from cabinets.secret_page import secret_context
from cabinets.sources import TwoSecretsLive


@admin.register(Cabinet)
class CabinetAdmin(EditableAdmin):
    """Customers."""

    list_display = ("name", "time_zone", "is_demo", "created_at")
    list_filter = ("is_demo",)
    search_fields = ("name", "memberships__user__username", "memberships__user__email__iexact")
    fields = ("name", "time_zone", "is_demo", "created_at")
    readonly_fields = ("created_at",)
    ordering = ("-pk",)


@admin.register(Membership)
class MembershipAdmin(KeepsOwners, EditableAdmin):
    """Who may open a cabinet. The only rows that may be deleted here: access is withdrawn."""

    form = MembershipForm
    list_display = ("user", "cabinet", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "cabinet")
    search_fields = ("user__username", "user__email__iexact", "cabinet__name")
    fields = ("cabinet", "user", "role")
    raw_id_fields = ("cabinet", "user")
    ordering = ("-pk",)

    def memberships_of(self, pks: Collection[Any]) -> Collection[int]:
        """The rows themselves."""
        return pks

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By the user's Django permission."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """Save; `accounts.user_audit` records every membership, whoever changes it."""
        admin.ModelAdmin.save_model(self, request, obj, form, change)


@admin.register(Invitation)
class InvitationAdmin(SupportAdmin):
    """Who was invited, by whom and what became of it; never the link itself."""

    list_display = ("cabinet", "role", "email", "invited_by", "created_at", "expires_at")
    list_select_related = ("cabinet", "invited_by")
    search_fields = ("email__iexact", "cabinet__name")
    fields = (
        "cabinet",
        "role",
        "email",
        "invited_by",
        "created_at",
        "expires_at",
        "accepted_by",
        "ended_at",
    )
    never_fetched = ("token", "digest")
    ordering = ("-pk",)


LAST_REQUESTS = (
    "last_used_at",
    "last_refused_at",
    "last_refusal",
    "last_rejected_at",
    "last_rejected_records",
    "last_rejection",
    "last_warned_at",
    "last_warning",
    "last_import_at",
)


@admin.register(CallSource)
class CallSourceAdmin(EditableAdmin):
    """Who posts calls. A secret is shown once, by the action that makes it."""

    list_display = (
        "name",
        "public_id",
        "cabinet",
        "kind",
        "is_active",
        "last_used_at",
        "last_refused_at",
    )
    list_filter = ("kind", "is_active")
    list_select_related = ("cabinet",)
    search_fields = ("public_id__exact", "name", "cabinet__name")
    fields = (
        "cabinet",
        "public_id",
        "name",
        "kind",
        "time_zone",
        "region",
        "is_active",
        "created_at",
        *LAST_REQUESTS,
    )
    readonly_fields = ("cabinet", "public_id", "kind", "created_at", *LAST_REQUESTS)
    ordering = ("-pk",)
    actions = ("rotate_secret", "retire_old_secret")

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Sources are created where the secret can be shown: in the cabinet or by `seed_access`."""
        return False

    @admin.action(
        description=_("Сменить секрет подписи (показать новый)"), permissions=["run_actions"]
    )
    def rotate_secret(
        self, request: HttpRequest, queryset: QuerySet[CallSource]
    ) -> HttpResponse | None:
        """Create a second secret for one source and show it, in this response only."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, _("Выберите один источник."), messages.ERROR)
            return None
        try:
            secret = sources.rotate_secret(source=chosen[0], actor=current_user(request))
        except TwoSecretsLive:
            text = _("У источника уже два действующих секрета: сначала отключите старый.")
            self.message_user(request, text, messages.ERROR)
            return None
        page = self.admin_site.each_context(request) | secret_context(chosen[0], secret)
        response = render(request, "admin/cabinets/secret_shown.html", page)
        add_never_cache_headers(response)
        return response

    @admin.action(description=_("Отключить старый секрет подписи"), permissions=["run_actions"])
    def retire_old_secret(self, request: HttpRequest, queryset: QuerySet[CallSource]) -> None:
        """Retire the older secret of each source that has two."""
        retired = sum(
            sources.retire_old_secret(source=source, actor=current_user(request))
            for source in queryset
        )
        text = ngettext("Отключён %d секрет.", "Отключено секретов: %d.", retired) % retired
        self.message_user(request, text, messages.SUCCESS)


@admin.register(SigningSecret)
class SigningSecretAdmin(SupportAdmin):
    """Which secrets exist and since when; never the secret itself."""

    list_display = ("source", "slot", "created_at")
    list_select_related = ("source__cabinet",)
    search_fields = ("source__public_id__exact", "source__cabinet__name")
    fields = ("source", "slot", "created_at")
    never_fetched = ("secret",)
    ordering = ("-pk",)


@admin.register(SecretAddress)
class SecretAddressAdmin(SupportAdmin):
    """Which secret addresses exist and since when; never the address itself."""

    list_display = ("source", "slot", "created_at")
    list_select_related = ("source__cabinet",)
    search_fields = ("source__public_id__exact", "source__cabinet__name")
    fields = ("source", "slot", "created_at")
    never_fetched = ("token", "digest")
    ordering = ("-pk",)


class AuditAge(AgeFilter):
    """By the time of the event."""

    date_field = "at"


@admin.register(AuditEvent)
class AuditEventAdmin(SupportAdmin):
    """Who changed what. The database refuses changes as well."""

    list_display = ("at", "cabinet", "actor", "action", "object_type", "object_id")
    list_filter = (AuditAge,)
    list_select_related = ("cabinet", "actor")
    search_fields = ("action__exact", "object_id__exact", "actor__username__exact", "cabinet__name")
    fields = ("at", "cabinet", "actor", "action", "object_type", "object_id", "before", "after")
    ordering = ("-pk",)
