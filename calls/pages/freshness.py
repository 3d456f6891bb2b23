"""The page «Скорость доставки»: how soon calls are in Metrika, what is late and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from calls.models import Freshness
from calls.queries import late
from integrations.limits import outages
from integrations.limits.outage_words import duration_of, sentence_of

#: How long the end of an outage is told here.
TOLD_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Speed:
    """A row of the table: a counter and its delays in words."""

    name: str
    url: str
    day_calls: int
    day: tuple[str, str]
    week_calls: int
    week: tuple[str, str]


@require_safe
@cabinet_required
def freshness(request: HttpRequest) -> HttpResponse:
    """Show the delays of the cabinet's counters, and its late calls."""
    cabinet, now = cast(CabinetRequest, request).cabinet, timezone.now()
    counted = Freshness.objects.filter(counter__in=cabinet.counters.present())
    rows = list(counted.select_related("counter").order_by("-day_p95", "counter__name"))
    found = outages.recent(now, TOLD_FOR)
    context: dict[str, Any] = {
        "speeds": [_speed(one) for one in rows],
        "counted_at": max((one.counted_at for one in rows), default=None),
        "outages": [
            {"text": sentence_of(one), "tone": "info" if one.ended_at else "warning"}
            for one in found
        ],
        "waiting": late.waiting(cabinet, now=now),
        "arrived": [
            {"row": one, "delay": duration_of(one.delay)} for one in late.arrived(cabinet, now=now)
        ],
    }
    return render(request, "calls/freshness.html", context)


def _speed(row: Freshness) -> Speed:
    counter = row.counter
    return Speed(
        counter.name if counter else "",
        reverse("calls:history", args=[row.counter_id]),
        row.day_calls,
        (_length(row.day_p50), _length(row.day_p95)),
        row.week_calls,
        (_length(row.week_p50), _length(row.week_p95)),
    )


def _length(seconds: int | None) -> str:
    """Return a delay in words; a dash without calls."""
    if seconds is None:
        return "—"
    if seconds < 60:
        return _("%(seconds)d с") % {"seconds": seconds}
    return duration_of(timedelta(seconds=seconds))
