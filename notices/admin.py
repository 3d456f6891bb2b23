"""Admin pages of notices: read-only, for support."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import SupportAdmin
from notices.models import (
    AlertPause,
    Baseline,
    Notice,
    NoticeChoice,
    NoticeLine,
    NoticeMessage,
    NoticeWebhook,
    TelegramLink,
)


@admin.register(Notice)
class NoticeAdmin(SupportAdmin):
    """What cabinets are told of, while it stands and afterwards."""

    list_display = ("cabinet", "kind", "subject", "opened_at", "gone_since", "closed_at")
    list_filter = ("kind",)
    list_select_related = ("cabinet",)
    search_fields = ("cabinet__name",)
    search_help_text = _("Название кабинета")
    ordering = ("-pk",)


@admin.register(NoticeMessage)
class NoticeMessageAdmin(SupportAdmin):
    """The queue of messages, and what has become of each."""

    list_display = (
        *("cabinet", "user", "medium", "state", "error", "attempts"),
        *("not_before", "created_at", "ended_at"),
    )
    list_filter = ("state", "medium")
    list_select_related = ("cabinet", "user")
    search_fields = ("cabinet__name", "user__username")
    search_help_text = _("Название кабинета или логин")
    ordering = ("-pk",)


@admin.register(NoticeLine)
class NoticeLineAdmin(SupportAdmin):
    """Which notices each message tells of."""

    list_display = ("message", "notice", "event")
    list_filter = ("event",)
    list_select_related = ("message", "notice")
    search_fields = ("notice__cabinet__name",)
    search_help_text = _("Название кабинета")
    ordering = ("-pk",)


@admin.register(NoticeChoice)
class NoticeChoiceAdmin(SupportAdmin):
    """What people have chosen to be told."""

    list_display = ("membership", "email_groups", "telegram_groups", "digest", "seen_at")
    list_filter = ("digest",)
    list_select_related = ("membership__user", "membership__cabinet")
    search_fields = ("membership__user__username",)
    search_help_text = _("Логин")
    ordering = ("-pk",)


@admin.register(TelegramLink)
class TelegramLinkAdmin(SupportAdmin):
    """Chats that people have linked."""

    list_display = ("user", "linked_at", "code_until")
    exclude = ("chat_id", "code_digest")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = _("Логин")
    ordering = ("-pk",)


@admin.register(NoticeWebhook)
class NoticeWebhookAdmin(SupportAdmin):
    """Webhooks of cabinets; the address and the secret are not shown."""

    list_display = ("cabinet", "created_at", "last_sent_at", "last_failed_at", "last_error")
    exclude = ("url", "secret")
    list_select_related = ("cabinet",)
    search_fields = ("cabinet__name",)
    search_help_text = _("Название кабинета")
    ordering = ("-pk",)


@admin.register(Baseline)
class BaselineAdmin(SupportAdmin):
    """What is usual for counters and sources: what alerts compare with."""

    list_display = ("cabinet", "kind", "subject_id", "lag_minutes", "counted_at")
    list_filter = ("kind",)
    list_select_related = ("cabinet",)
    search_fields = ("cabinet__name",)
    search_help_text = _("Название кабинета")
    ordering = ("-pk",)


@admin.register(AlertPause)
class AlertPauseAdmin(SupportAdmin):
    """Days on which a cabinet, or a counter, is not compared with what is usual."""

    list_display = ("cabinet", "counter", "first_day", "last_day", "note", "ended_at")
    list_select_related = ("cabinet", "counter")
    search_fields = ("cabinet__name",)
    search_help_text = _("Название кабинета")
    ordering = ("-pk",)
