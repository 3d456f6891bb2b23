"""The page «Скорость доставки»: how soon calls are in Metrika, what is late and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from calls.models import Freshness
from calls.queries.freshness import COUNTED_EVERY, HOUR, WEEK, counted_at, was_accepted
from calls.queries.late import LATE_STATES, LOOKED_BACK, Waiting, waiting
from calls.queries.late_arrived import Arrived, arrived
from calls.queries.ledger_filters import LATE
from calls.states import Channel
from counters.models import Counter
from integrations.limits import outages
from integrations.limits.outage_words import DAYS_FROM, duration_of, sentence_of

#: How long the end of an outage is told here.
TOLD_FOR = timedelta(days=1)
MINUTES = round(COUNTED_EVERY.total_seconds() / 60)
#: Counters without a speed that are named.
MOST_NAMED = 5


@dataclass(frozen=True)
class Speed:
    """A row of the table: a counter and its delays in words."""

    name: str
    url: str
    is_on: bool
    day_calls: int
    day: tuple[str, str]
    week_calls: int
    week: tuple[str, str]


@require_safe
@cabinet_required
def freshness(request: HttpRequest) -> HttpResponse:
    """Show the delays of the cabinet's counters, and its late calls."""
    cabinet, now = cast(CabinetRequest, request).cabinet, timezone.now()
    counters = list(cabinet.counters.present().order_by("name"))
    counted = Freshness.objects.filter(counter__in=counters).select_related("counter")
    rows = list(counted.order_by("-day_p95", "counter__name"))
    last = counted_at()
    found = outages.recent(now, TOLD_FOR)
    late, is_cut = arrived(cabinet, now=now)
    context: dict[str, Any] = {
        "speeds": [_speed(one) for one in rows],
        "counted_at": last,
        "minutes": MINUTES,
        "not_counted": "" if rows else _why_empty(counters, last, now),
        "others": _others(counters, rows),
        "has_off": not all(one.enabled for one in counters),
        "outages": [
            {"text": sentence_of(one), "tone": "info" if one.ended_at else "warning"}
            for one in found
        ],
        "waiting": [_waiting(one, now) for one in waiting(cabinet, now=now)],
        "looked_back": LOOKED_BACK.days,
        "arrived": [_arrived(one) for one in late],
        "is_cut": is_cut,
    }
    return render(request, "calls/freshness.html", context)


def _waiting(row: Waiting, now: datetime) -> dict[str, Any]:
    """Return a row of the table; its address lists exactly the calls that it counts."""
    parameters = {
        "counter": row.counter.pk,
        "channel": row.channel,
        "stage": LATE,
        "state": ",".join(LATE_STATES[row.code]),
        "from": timezone.localtime(now - LOOKED_BACK).date().isoformat(),
    }
    return {
        "row": row,
        "channel": Channel(row.channel).label,
        "url": f"{reverse('calls:list')}?{urlencode(parameters)}",
    }


def _arrived(row: Arrived) -> dict[str, Any]:
    """Return a row of the table; the part of its longest cause is told when it is not all."""
    delay, part = _rounded_up(row.delay), _rounded_up(row.part)
    return {
        "row": row,
        "channels": ", ".join(str(Channel(one).label) for one in sorted(set(row.channels))),
        "delay": delay,
        "part": "" if part == delay else part,
    }


def _why_empty(counters: Sequence[Counter], last: datetime | None, now: datetime) -> str:
    """Return why no counter has a speed."""
    numbers = [one.pk for one in counters]
    if not numbers:
        return _("Счетчиков ещё нет.")
    if last is None:
        return _(
            "Скорость ещё не посчитана: первый подсчёт — через %(minutes)d мин после запуска или "
            "обновления сервиса."
        ) % {"minutes": MINUTES}
    if was_accepted(numbers, since=last):
        return _("Первые звонки приняты после подсчёта. Их скорость появится при следующем.")
    if was_accepted(numbers, since=now - WEEK):
        return _(
            "За 7 дней Метрика приняла только звонки, которые пришли к нам позже чем через сутки "
            "после начала, например из файла. Их скорость не считается."
        )
    return _("За 7 дней Метрика не приняла ни одного звонка.")


def _others(counters: Sequence[Counter], rows: Sequence[Freshness]) -> str:
    """Return the names of the counters that the table leaves out; empty without a table."""
    if not rows:
        return ""
    known = {row.counter_id for row in rows}
    names = [
        _("«%(name)s»") % {"name": one.name}
        if one.enabled
        else _("«%(name)s» (выключен)") % {"name": one.name}
        for one in counters
        if one.pk not in known
    ]
    listed = ", ".join(names[:MOST_NAMED])
    if len(names) <= MOST_NAMED:
        return listed
    return _("%(listed)s и ещё %(more)d") % {"listed": listed, "more": len(names) - MOST_NAMED}


def _speed(row: Freshness) -> Speed:
    counter = row.counter
    return Speed(
        counter.name if counter else "",
        reverse("calls:history", args=[row.counter_id]),
        counter is not None and counter.enabled,
        row.day_calls,
        (_length(row.day_p50), _length(row.day_p95)),
        row.week_calls,
        (_length(row.week_p50), _length(row.week_p95)),
    )


def _length(seconds: int | None) -> str:
    """Return a delay in words, rounded up; a dash without calls."""
    if seconds is None:
        return "—"
    if seconds < 60:
        return _("%(seconds)d с") % {"seconds": seconds}
    return _rounded_up(timedelta(seconds=seconds))


def _rounded_up(length: timedelta) -> str:
    """Return it in words, which leave out seconds, and from two days on minutes."""
    unit = HOUR if length > timedelta(minutes=DAYS_FROM) else timedelta(minutes=1)
    return duration_of(-(-length // unit) * unit)
