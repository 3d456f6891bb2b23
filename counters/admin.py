"""Admin of counters and their goals."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cabinets.admin_base import SupportAdmin, current_user
from counters import lifecycle
from counters.models import Counter, Goal, SettingsTemplate
from counters.querysets import CounterQuerySet


class PresenceFilter(admin.SimpleListFilter):
    """In the cabinet, or removed from it."""

    title = _("Кабинет")
    parameter_name = "presence"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return both choices."""
        return [("present", _("В кабинете")), ("removed", _("Удалён"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        """Narrow by `removed_at`."""
        counters: CounterQuerySet[Counter] = queryset
        if self.value() is None:
            return counters
        return counters.present() if self.value() == "present" else counters.removed()


@admin.register(Counter)
class CounterAdmin(SupportAdmin):
    """Counters, their access and their settings as saved."""

    list_display = (
        *("number", "name", "cabinet", "account", "access", "stopped_cause", "enabled"),
        "last_synced_at",
    )
    list_filter = ("access", "stopped_cause", "enabled", "send_calls", PresenceFilter)
    list_select_related = ("cabinet", "account")
    search_fields = ("number__exact", "name", "site", "account__login", "cabinet__name")
    search_help_text = _("Номер счетчика, название, сайт, логин или кабинет")
    never_fetched = ("account__access_token", "account__refresh_token")
    ordering = ("-pk",)
    actions = ("switch_on", "switch_off")

    @admin.action(description=_("Включить"), permissions=["run_actions"])
    def switch_on(self, request: HttpRequest, queryset: CounterQuerySet[Counter]) -> None:
        """Turn on, as the customer's own switch does."""
        self._switch(request, queryset, enabled=True)

    @admin.action(description=_("Выключить"), permissions=["run_actions"])
    def switch_off(self, request: HttpRequest, queryset: CounterQuerySet[Counter]) -> None:
        """Turn off, as the customer's own switch does."""
        self._switch(request, queryset, enabled=False)

    def _switch(
        self, request: HttpRequest, queryset: CounterQuerySet[Counter], *, enabled: bool
    ) -> None:
        chosen = list(queryset.present().exclude(enabled=enabled))
        for counter in chosen:
            lifecycle.switch_counter(
                counter=counter,
                enabled=enabled,
                actor=current_user(request),
                now=timezone.now(),
            )
        count = len(chosen)
        text = ngettext("Переключён %d счетчик.", "Переключено счетчиков: %d.", count) % count
        self.message_user(request, text, messages.SUCCESS)


class DeletedFilter(admin.SimpleListFilter):
    """Still in Metrika, or deleted there."""

    title = _("Метрика")
    parameter_name = "gone"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return both choices."""
        return [("no", _("Есть в Метрике")), ("yes", _("Удалена"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow by `deleted_at`."""
        if self.value() is None:
            return queryset
        return queryset.filter(deleted_at__isnull=self.value() == "no")


@admin.register(Goal)
class GoalAdmin(SupportAdmin):
    """Goals as last seen in Metrika."""

    list_display = ("name", "identifier", "type", "counter", "deleted_at")
    # Not by type: JavaScript goals are kept, and those that Metrika made for calls, which have no
    # identifier (counters/sync/goals.py).
    list_filter = (DeletedFilter,)
    list_select_related = ("counter",)
    search_fields = ("counter__number__exact", "goal_id__exact", "identifier__exact")
    ordering = ("-pk",)


@admin.register(SettingsTemplate)
class SettingsTemplateAdmin(SupportAdmin):
    """Settings that cabinets keep under a name."""

    list_display = ("name", "cabinet", "created_at", "created_by")
    list_select_related = ("cabinet", "created_by")
    search_fields = ("name", "cabinet__name")
    ordering = ("-pk",)
