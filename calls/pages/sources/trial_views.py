"""«Пробный звонок»: a call of each kind through a source, and what would become of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cabinets.access import CabinetRequest, manage_required, same_cabinet
from cabinets.models import CallSource
from calls.models import Call
from calls.pages.timeline import Timeline, timelines_of
from calls.pages.unrouted import OtherGroup, others_of
from calls.ways.trial_call import TOKEN, TooManyTrials, make_trial_calls, sites_of, trial_calls
from counters.hosts import readable_host


@dataclass(frozen=True)
class TrialCall:
    """A trial call, what was decided for each counter that it concerns, and the other counters."""

    call: Call
    timelines: list[Timeline]
    others: list[OtherGroup]


@require_http_methods(["GET", "POST"])
@manage_required
@same_cabinet
def trial_call(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show the button, or the calls of a press (GET); make a trial call of each kind (POST)."""
    source = get_object_or_404(request.cabinet.call_sources, pk=pk)
    if request.method == "POST":
        return _make(request, source)
    made = request.GET.get("made", "")
    calls = trial_calls(source, made) if TOKEN.fullmatch(made) else []
    context: dict[str, Any] = {
        "source": source,
        "made": made if calls else "",
        "trials": [_trial(call, timezone.now()) for call in calls],
        "sites": [
            {"host": host, "readable": readable_host(host)} for host in sites_of(request.cabinet)
        ],
        "token": secrets.token_hex(8),
    }
    is_part = request.headers.get("HX-Request") == "true" and bool(calls)
    template = "calls/sources/_trial_result.html" if is_part else "calls/sources/trial_call.html"
    return render(request, template, context)


def _make(request: CabinetRequest, source: CallSource) -> HttpResponse:
    token, sites = request.POST.get("token", ""), sites_of(request.cabinet)
    site = request.POST.get("site", "")
    url = reverse("calls:test-call", args=[source.pk])
    if not source.is_active:
        messages.warning(request, _("Источник выключен: включите его, чтобы попробовать звонок."))
        return HttpResponseRedirect(url, status=303)
    if not TOKEN.fullmatch(token):
        return _refused(request, url)
    try:
        make_trial_calls(
            source,
            token=token,
            site=site if site in sites else next(iter(sites), ""),
            actor=request.user,
            now=timezone.now(),
        )
    except TooManyTrials:
        text = _("Пробных звонков за час слишком много. Повторите через час.")
        messages.warning(request, text)
        return HttpResponseRedirect(url, status=303)
    return HttpResponseRedirect(f"{url}?made={token}", status=303)


def _refused(request: HttpRequest, url: str) -> HttpResponse:
    messages.warning(request, _("Ничего не изменилось: откройте страницу заново."))
    return HttpResponseRedirect(url, status=303)


def _trial(call: Call, now: datetime) -> TrialCall:
    timelines = timelines_of(call, now=now)
    return TrialCall(call, timelines, others_of(call, timelines))
