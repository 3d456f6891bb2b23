"""Filters of the support desk that speak the words of the interface."""

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
    """By the state a person is shown. The list is annotated with it."""

    title = _("Состояние")
    parameter_name = "shown"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return every state."""
        return list(DisplayState.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow by the annotation."""
        return queryset.filter(display_state=self.value()) if self.value() else queryset


class ReasonFilter(admin.SimpleListFilter):
    """By the reason: the rule that refused, or what ails the upload."""

    title = _("Причина")
    parameter_name = "why"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return every reason."""
        return list(REASON_TITLES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow by the annotation."""
        return queryset.filter(why=self.value()) if self.value() else queryset


class AttemptOutcome(admin.SimpleListFilter):
    """By how a try ended. The words are known: asking for those in use would read every row."""

    title = _("Ошибка")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return every word that is written into tries."""
        return [(word, text) for word, (_tone, text) in OUTCOMES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow by the word as it is stored."""
        return queryset.filter(error_class=self.value()) if self.value() else queryset


class MonthAge(AgeFilter):
    """By the column that decides the month a row is filed under."""

    moment = "partition_at"


class UploadAge(AgeFilter):
    """By the moment the upload was built."""

    usual_days = 90


class AttemptAge(AgeFilter):
    """By the moment the try began."""

    moment = "started_at"
