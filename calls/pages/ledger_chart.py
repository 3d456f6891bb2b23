"""The rows of the ledger by day and state: a stacked chart whose parts are links to that filter."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import Cabinet
from calls.pages.forms import LedgerForm
from calls.queries.ledger_filters import CallFilters
from calls.queries.ledger_walk import SCANNED, calls_with_rows
from calls.queries.redecision import grouped
from calls.states import TONES, DisplayState
from calls.summary import read
from calls.summary.read import Period

#: Days of the chart without a first day, and at most.
DAYS, MAX_DAYS = 30, 92
#: The chart in units of its viewBox: a bar is as wide as its day, less a gap.
DAY, BAR, HEIGHT = 10, 8, 200
#: No part is drawn lower: it must be visible, and hit.
_LEAST = 2
#: Filters that the counts by hour cannot follow.
NOT_COUNTED: dict[str, str | Promise] = {
    "q": gettext_lazy("телефон или номер"),
    "source": gettext_lazy("источник"),
    "tag": gettext_lazy("тег"),
    "link": gettext_lazy("привязка по логам"),
}


@dataclass(frozen=True)
class _Part:
    """A state of a day."""

    y: int
    height: int
    tone: str
    title: str
    url: str


def chart_context(cabinet: Cabinet, form: LedgerForm, *, now: datetime) -> dict[str, Any]:
    """Return the context of `calls/_ledger_chart.html` for a valid form; one query.

    The rows of every state are counted, whichever is chosen. Calls of no counter have no rows.
    """
    filters = form.filters_without_search()
    period = _period(filters.first_day, filters.last_day)
    if period is None or filters.without_counter:
        return {}
    found = read.deliveries(
        cabinet,
        period,
        by=("day", "shown", "kind", "reason"),
        counters=[filters.counter] if filters.counter else None,
        now=now,
    )
    counts = _counts(found, filters)
    if not counts:
        return {}
    is_few = sum(one["deliveries"] for one in found) <= SCANNED
    chosen = form.parameters()
    address = _Address(chosen)
    states = [state for state in DisplayState.values if any(key[1] == state for key in counts)]
    return {
        "chart_days": _days(period, counts, states, address),
        "chart_width": len(period.days) * DAY,
        "chart_height": HEIGHT,
        "chart_states": _states(counts, states, address, filters.states),
        "chart_chosen": _chosen(cabinet, form, counts, period, is_few=is_few, now=now),
        "chart_count": grouped(sum(counts.values())),
        "chart_period": _("%(first)s — %(last)s")
        % {"first": _day(period.first), "last": _day(period.last)},
        "not_counted": ", ".join(str(NOT_COUNTED[name]) for name in NOT_COUNTED if name in chosen),
    }


def _counts(found: Iterable[Mapping[str, Any]], filters: CallFilters) -> Tally[tuple[date, str]]:
    """Return the rows by day and state."""
    counts: Tally[tuple[date, str]] = Tally()
    for one in found:
        if filters.kind in ("", one["kind"]) and filters.reason in ("", one["reason"] or ""):
            counts[one["day"], one["shown"]] += one["deliveries"]
    return counts


@dataclass(frozen=True)
class _Address:
    """The address of the ledger with other filters."""

    chosen: Mapping[str, str]

    def of(self, **changed: str) -> str:
        return f"{reverse('calls:list')}?{urlencode({**self.chosen, **changed})}"

    def of_day(self, day: date, **changed: str) -> str:
        return self.of(**{"from": day.isoformat(), "to": day.isoformat(), **changed})


def _period(first: date | None, last: date | None) -> Period | None:
    """Return the days that are counted; None when there are none up to today."""
    today = timezone.localdate()
    last = min(last or today, today)
    # At the beginning of the calendar there are no days to count back to; no call is near.
    if last - date.min < timedelta(days=MAX_DAYS):
        return None
    first = max(first or last - timedelta(days=DAYS - 1), last - timedelta(days=MAX_DAYS - 1))
    return Period(first, last, timezone.get_current_timezone()) if first <= last else None


def _days(
    period: Period, counts: Tally[tuple[date, str]], states: Sequence[str], address: _Address
) -> list[dict[str, Any]]:
    sums: Tally[date] = Tally()
    for (day, _state), count in counts.items():
        sums[day] += count
    peak = max(sums.values())
    return [
        {
            "x": number * DAY,
            "day": day,
            "url": address.of_day(day),
            "sum": sums[day],
            "parts": _parts(day, counts, states, peak, address),
            "cells": [(counts[day, state], address.of_day(day, state=state)) for state in states],
        }
        for number, day in enumerate(period.days)
    ]


def _parts(
    day: date,
    counts: Tally[tuple[date, str]],
    states: Sequence[str],
    peak: int,
    address: _Address,
) -> list[_Part]:
    """Return the parts of a day's bar, the first state at the bottom."""
    parts, top = [], HEIGHT
    for state in states:
        count = counts[day, state]
        if not count:
            continue
        height = max(_LEAST, round(count * HEIGHT / peak))
        top = max(0, top - height)
        label = str(DisplayState(state).label)
        title = f"{_day(day)} · {label}: {grouped(count)}"
        parts.append(_Part(top, height, TONES[state], title, address.of_day(day, state=state)))
    return parts


def _states(
    counts: Tally[tuple[date, str]],
    states: Sequence[str],
    address: _Address,
    chosen: Collection[str],
) -> list[dict[str, Any]]:
    sums: Tally[str] = Tally()
    for (_day_of, state), count in counts.items():
        sums[state] += count
    return [
        {
            "label": str(DisplayState(state).label),
            "tone": TONES[state],
            "count": sums[state],
            "url": address.of(state=state),
            "is_chosen": state in chosen,
        }
        for state in states
    ]


def _chosen(
    cabinet: Cabinet,
    form: LedgerForm,
    counts: Tally[tuple[date, str]],
    period: Period,
    *,
    is_few: bool,
    now: datetime,
) -> str:
    """Return how many rows are in the chosen states, and of how many calls if ``is_few``.

    '' when no state is chosen, or the counts cannot follow another filter.
    """
    filters = form.filters_without_search()
    if not filters.states or NOT_COUNTED.keys() & form.parameters().keys():
        return ""
    rows = sum(count for (_day_of, state), count in counts.items() if state in filters.states)
    if not is_few:
        return _("Из них в выбранных состояниях: %(rows)s.") % {"rows": grouped(rows)}
    calls = calls_with_rows(cabinet, filters, period.start, period.end, now=now)
    text = _("Из них в выбранных состояниях: %(rows)s, это звонков: %(calls)s.")
    return text % {"rows": grouped(rows), "calls": grouped(calls)}


def _day(day: date) -> str:
    return date_format(day, "j E Y")
