"""Admin actions on single deliveries: the same operations as the buttons of the cabinet."""

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

from cabinets.admin_base import current_user
from calls.delivery import hold
from calls.delivery import resend as resending
from calls.models import Delivery

Operation = Callable[..., bool]


class DeliveryActions:
    """Mixin of the admin of deliveries: its actions."""

    message_user: Any

    @admin.action(description=_("Отправить сейчас"), permissions=["run_actions"])
    def release(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Release held deliveries: they are sent with the next file."""
        self._apply_to_all(request, queryset, hold.release)

    @admin.action(description=_("Не отправлять"), permissions=["run_actions"])
    def call_off(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Call off waiting deliveries."""
        self._apply_to_all(request, queryset, hold.call_off)

    @admin.action(description=_("Отправить повторно (один звонок)…"), permissions=["run_actions"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse | None:
        """Ask for confirmation, naming the risk, then send one call once more."""
        chosen = list(
            queryset.select_related(
                "counter__goal", "counter__callback_goal", "upload", "cabinet", "call"
            )[:2]
        )
        if len(chosen) != 1:
            self.message_user(request, _("Выберите ровно один звонок."), messages.WARNING)
            return None
        if "number" not in request.POST:
            return render(request, "admin/calls/send_again.html", _confirmation_context(chosen[0]))
        self._resend(request, chosen[0], request.POST["number"], timezone.now())
        return None

    def _resend(self, request: HttpRequest, delivery: Delivery, number: str, now: datetime) -> None:
        wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0
        actor = current_user(request)
        try:
            resend = resending.order(delivery, number=wanted, actor=actor, now=now)
        except resending.CannotResend as problem:
            self.message_user(request, str(problem), messages.ERROR)
            return
        done = _("Повторная отправка заказана.") if resend else _("Этот повтор уже заказан.")
        self.message_user(request, done, messages.SUCCESS if resend else messages.WARNING)

    def _apply_to_all(
        self, request: HttpRequest, queryset: QuerySet[Delivery], operation: Operation
    ) -> None:
        now, actor = timezone.now(), current_user(request)
        chosen = queryset.select_related("cabinet")
        changed = sum(operation(delivery, actor=actor, now=now) for delivery in chosen)
        text = ngettext("Изменена %d отправка.", "Изменено отправок: %d.", changed)
        self.message_user(
            request, text % changed, messages.SUCCESS if changed else messages.WARNING
        )


def _confirmation_context(delivery: Delivery) -> dict[str, Any]:
    earlier = resending.resends_of(delivery)
    return {
        "delivery": delivery,
        "blocker": resending.resend_blocker(delivery, now=timezone.now()),
        "number": len(earlier) + 1,
        "is_surely_not_there": resending.is_surely_not_there(delivery) and not earlier,
    }
