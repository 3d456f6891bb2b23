"""The order that sends a call to a counter although the settings exclude it: asks, then orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cabinets.access import CabinetRequest, manage_required
from calls.decision.explain import explain_call
from calls.decision.reasons import REASONS
from calls.delivery.send_orders import SendCounts, order_call, order_sending
from calls.models import Call, Delivery
from calls.models.querysets import DeliveryQuerySet
from calls.pages.status_messages import released_message
from calls.pages.timeline import channel_text
from calls.pages.upload_preview import values_to_send
from calls.states import HoldBack
from calls.ways.trial_call import TAG
from counters.models import Counter


@dataclass(frozen=True)
class Row:
    """A row that would go to Metrika: its channel in words, column → value."""

    channel_text: str
    values: dict[str, str]


@dataclass(frozen=True)
class Trial:
    """What an order would do now."""

    counts: SendCounts
    rows: list[Row] = field(default_factory=list)


@require_http_methods(["GET", "POST"])
@manage_required
def send_call(request: HttpRequest, call_id: int, counter_pk: int) -> HttpResponse:
    """Ask for confirmation (GET), or order the call to be sent to this counter (POST)."""
    person = cast(CabinetRequest, request)
    call = get_object_or_404(Call.objects.defer("raw"), cabinet=person.cabinet, pk=call_id)
    counters = person.cabinet.counters.present().select_related("goal", "callback_goal")
    counter = get_object_or_404(counters, pk=counter_pk)
    now = timezone.now()
    if request.method == "GET":
        return render(request, "calls/send_call.html", _context(call, counter, now))
    counts = order_call(call, counter, actor=person.user, now=now)
    if counts.sent:
        messages.success(request, _done(call, counter, now))
    else:
        messages.warning(request, _("Ничего не изменилось: %s") % why_not(counts))
    return HttpResponseRedirect(reverse("calls:journey", args=[call.pk]))


def why_not(counts: SendCounts) -> str:
    """Return why an order sends nothing of one call."""
    if counts.already:
        return _("звонок уже отправлен или ждёт отправки.")
    if counts.late:
        return _("со звонка прошёл 21 день, Метрика его уже не привяжет.")
    code = next(iter(counts.refused), "")
    return str(REASONS[code].sentence) if code in REASONS else _("звонка больше нет.")


def _context(call: Call, counter: Counter, now: datetime) -> dict[str, object]:
    trial = _try(call, counter, now)
    return {
        "call": call,
        "counter": counter,
        "is_trial": call.hold_back == HoldBack.TRIAL,
        "trial_tag": TAG,
        "rows": trial.rows,
        "refusals": _refusals(call, counter) if trial.counts.sent else [],
        "why_not": _("Отправлять нечего: %s") % why_not(trial.counts),
        "cancel_url": reverse("calls:journey", args=[call.pk]),
    }


@transaction.atomic
def _try(call: Call, counter: Counter, now: datetime) -> Trial:
    """Order the call to be sent, look at its rows, and undo it: so they are those that will go."""
    waited = set(_rows(call, counter).waiting().values_list("channel", flat=True))
    counts = order_sending(counter, [call.pk], actor=None, now=now)
    waiting = _rows(call, counter).waiting().exclude(channel__in=waited).order_by("channel")
    rows = [Row(channel_text(counter, one.channel), values_to_send(one)) for one in waiting]
    transaction.set_rollback(True)
    return Trial(counts, rows)


def _refusals(call: Call, counter: Counter) -> list[str]:
    """Return what the settings have against the call, which the order overrules."""
    verdicts = explain_call(call.pk, counter_ids=[counter.pk])
    codes = [one for judged in verdicts.values() for one in judged if not one.passed]
    waivable = {code for code, reason in REASONS.items() if getattr(reason, "is_waivable", False)}
    return list(dict.fromkeys(str(one.text) for one in codes if one.code in waivable))


def _rows(call: Call, counter: Counter) -> DeliveryQuerySet[Delivery]:
    return Delivery.objects.filter(
        call_id=call.pk, partition_at=call.partition_at, counter_id=counter.pk
    )


def _done(call: Call, counter: Counter, now: datetime) -> str:
    row = _rows(call, counter).waiting().select_related("call", "counter").order_by("channel")[0]
    return released_message(row, now=now)
