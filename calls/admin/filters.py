"""Admin list filters with the labels of the cabinet's pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cabinets.admin_base import AgeFilter
from calls.decision.reasons import REASON_TITLES
from calls.pages.attempt_messages import OUTCOMES
from calls.states import DisplayState


class DisplayStateFilter(admin.SimpleListFilter):
    """By the display state, with which the list is annotated."""

    title = _("Состояние")
    parameter_name = "shown"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return every state."""
        return list(DisplayState.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter by the annotation."""
        return queryset.filter(display_state=self.value()) if self.value() else queryset


class ReasonFilter(admin.SimpleListFilter):
    """By the code of the reason: `Delivery.reason`, else `Upload.attention`."""

    title = _("Причина")
    parameter_name = "why"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return every reason."""
        return list(REASON_TITLES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter by the annotation."""
        return queryset.filter(why=self.value()) if self.value() else queryset


class AttemptOutcome(admin.SimpleListFilter):
    """By how an attempt ended. All outcomes are listed: selecting those in use reads every row."""

    title = _("Ошибка")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return every outcome."""
        return [(error_class, text) for error_class, (_tone, text) in OUTCOMES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter by the stored error class."""
        return queryset.filter(error_class=self.value()) if self.value() else queryset


class IdentityConflict(admin.SimpleListFilter):
    """By whether another call came under the id of the call."""

    title = _("Номер у другого звонка")
    parameter_name = "conflict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the only choice besides all calls."""
        return [("1", _("Пришёл и у другого звонка"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter by the time of the conflict."""
        return queryset.filter(conflict_at__isnull=False) if self.value() else queryset


class MonthAge(AgeFilter):
    """By the column that decides the partition of a row."""

    date_field = "partition_at"


class UploadAge(AgeFilter):
    """By the time the upload was built."""

    default_days = 90


class AttemptAge(AgeFilter):
    """By the time the attempt began."""

    date_field = "started_at"
