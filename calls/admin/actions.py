"""What support may order about single deliveries, by the same use cases as the cabinet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cabinets.admin_base import signed_in
from calls.delivery import hold
from calls.delivery import resend as resending
from calls.models import Delivery

Move = Callable[..., bool]


class DeliveryActions:
    """Actions of the ledger's list."""

    message_user: Any

    @admin.action(description=_("Отправить сейчас"), permissions=["steer"])
    def release(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Let held calls go with the next file."""
        self._move_all(request, queryset, hold.release)

    @admin.action(description=_("Не отправлять"), permissions=["steer"])
    def call_off(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Keep waiting calls back."""
        self._move_all(request, queryset, hold.call_off)

    @admin.action(description=_("Отправить повторно (один звонок)…"), permissions=["steer"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse | None:
        """Name the risk, and with the second press order one more send of one call."""
        chosen = list(queryset.select_related("counter__goal", "upload", "cabinet", "call")[:2])
        if len(chosen) != 1:
            self.message_user(request, _("Выберите ровно один звонок."), messages.WARNING)
            return None
        if "number" not in request.POST:
            return render(request, "admin/calls/send_again.html", _question(chosen[0]))
        self._order(request, chosen[0], request.POST["number"], timezone.now())
        return None

    def _order(self, request: HttpRequest, delivery: Delivery, number: str, now: datetime) -> None:
        wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0
        actor = signed_in(request)
        try:
            resend = resending.order(delivery, number=wanted, actor=actor, now=now)
        except resending.CannotResend as problem:
            self.message_user(request, str(problem), messages.ERROR)
            return
        done = _("Звонок отправляется повторно.") if resend else _("Этот повтор уже заказан.")
        self.message_user(request, done, messages.SUCCESS if resend else messages.WARNING)

    def _move_all(self, request: HttpRequest, queryset: QuerySet[Delivery], move: Move) -> None:
        now, actor = timezone.now(), signed_in(request)
        chosen = queryset.select_related("cabinet")
        moved = sum(move(delivery, actor=actor, now=now) for delivery in chosen)
        text = ngettext("Изменена %d отправка.", "Изменено отправок: %d.", moved)
        self.message_user(request, text % moved, messages.SUCCESS if moved else messages.WARNING)


def _question(delivery: Delivery) -> dict[str, Any]:
    earlier = resending.resends_of(delivery)
    return {
        "delivery": delivery,
        "obstacle": resending.resend_blocker(delivery, now=timezone.now()),
        "number": len(earlier) + 1,
        "is_surely_not_there": resending.is_surely_not_there(delivery) and not earlier,
    }
