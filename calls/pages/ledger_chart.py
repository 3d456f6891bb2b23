"""The rows of the ledger by day and state: a stacked chart whose parts are links to that filter."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from cabinets.plurals import plural
from calls.pages.ledger_form import LedgerForm
from calls.pages.ledger_words import days_text
from calls.queries.ledger_counts import DAYS, MAX_DAYS, LedgerCounts, counts_of, most_counted
from calls.queries.ledger_filters import SENT, CallFilters
from calls.queries.redecision import grouped
from calls.states import TONES, DisplayState
from calls.summary.read import Period

#: How much of its place a bar takes; sizes of the drawing are in per cent, so nothing is stretched.
_BAR = 0.8
#: No part is drawn lower: it must be visible, and hit.
_LEAST = 1.0
#: The fillings of the states that are drawn, in their order: path and width of its lines. Beside
#: each other they differ without their colours.
PATTERNS = (
    ("M0 4h8", 8),
    ("M-2 2l4 -4M0 8l8 -8M6 10l4 -4", 2),
    ("M0 2h8M0 6h8", 1.5),
    ("M2 2h.01M6 6h.01", 3),
    ("M2 0v8M6 0v8", 1.5),
    ("M-2 6l4 4M0 0l8 8M6 -2l4 4", 2),
    ("M0 4h8M4 0v8", 1.5),
    ("", 0),
)
#: The parameter of the address that asks for the counts of any number of rows.
TOTALS = "totals"
#: Parameters that a link of the chart sets.
_CHANGED = ("period", "from", "to", "state", TOTALS)


@dataclass(frozen=True)
class _Part:
    """A state of a bar; ``pattern`` is the number of its filling."""

    y: str
    height: str
    tone: str
    pattern: int
    title: str
    url: str


def chart_context(
    cabinet: Cabinet, form: LedgerForm, filters: CallFilters, *, is_asked: bool, now: datetime
) -> dict[str, Any]:
    """Return the context of `calls/_ledger_chart.html` for the filters of a valid form.

    Without ``is_asked`` that may be where to load it. Calls of no counter have no rows.
    """
    if filters.without_counter:
        return {}
    address = _Address(form.parameters())
    counts = counts_of(cabinet, filters, is_asked=is_asked, now=now)
    if counts is None:
        most = grouped(most_counted(filters, is_asked=False))
        return {"counts_url": address.of(**{TOTALS: "1"}), "counted_at_once": most}
    chosen = counts.chosen
    context: dict[str, Any] = {
        "chart_count": grouped(sum(chosen.values())),
        "chart_calls": None if counts.calls is None else grouped(counts.calls),
        "chart_period": days_text(counts.period.first, counts.period.last),
        "chart_note": _note(counts, filters),
        "chart_states": _states(counts, address),
    }
    if chosen:
        states = _drawn(counts)
        bars = _bars(counts.period, chosen, states, address)
        context |= {
            "chart_days": bars,
            "chart_named": [DisplayState(state).label for state in states],
            "chart_bar": _percent(100 * _BAR / len(bars)),
            "chart_peak": _peak_text(max(bar["sum"] for bar in bars)),
            "chart_patterns": _patterns(states),
        }
    return context


def _drawn(counts: LedgerCounts) -> list[str]:
    """Return the states that the chart draws, in their order."""
    found = {state for _day, state in counts.chosen}
    return [state for state in DisplayState.values if state in found]


def _note(counts: LedgerCounts, filters: CallFilters) -> str:
    """Return why the counted days are not all that are listed below; '' when they are."""
    if counts.is_cut:
        return _(
            "За более ранние дни не посчитано: с такими условиями отправки пересматриваются по "
            "одной. Выберите более ранние дни, чтобы посчитать их."
        )
    is_of_few = filters.call_ids is not None or filters.upload is not None
    if not is_of_few and filters.first_day is None and filters.stage != SENT:
        text = _("Начало не выбрано: посчитано за %(days)d дней, ниже — звонки за всё время.")
        return text % {"days": DAYS}
    return ""


@dataclass(frozen=True)
class _Address:
    """The address of the ledger with other filters."""

    chosen: Mapping[str, str]

    @cached_property
    def _kept(self) -> str:
        """The part that no link of the chart changes: there are hundreds of them."""
        kept = {name: value for name, value in self.chosen.items() if name not in _CHANGED}
        return f"{reverse('calls:list')}?{urlencode(kept)}{'&' if kept else ''}"

    def of(self, **changed: str) -> str:
        """Return the address with these values; own days take the place of a period."""
        names = [name for name in _CHANGED if name != "period" or "from" not in changed]
        named = {name: self.chosen[name] for name in names if name in self.chosen}
        return self._kept + urlencode(named | changed)

    def of_days(self, first: date, last: date, **changed: str) -> str:
        return self.of(**{"from": first.isoformat(), "to": last.isoformat(), **changed})


def _bars(
    period: Period, counts: Tally[tuple[date, str]], states: Sequence[str], address: _Address
) -> list[dict[str, Any]]:
    """Return a bar for each day, or, of a longer period, for as many whole weeks as are needed."""
    count = len(period.days)
    step = 1 if count <= MAX_DAYS else 7 * -(-count // (7 * MAX_DAYS))
    by_bar: Tally[tuple[int, str]] = Tally()
    for (day, state), rows in counts.items():
        by_bar[(day - period.first).days // step, state] += rows
    bars = range(-(-count // step))
    width = 100 / len(bars)
    sums = [sum(by_bar[number, state] for state in states) for number in bars]
    return [
        _bar(
            number * width,
            sums[number],
            max(sums),
            {state: by_bar[number, state] for state in states},
            days,
            address,
        )
        for number in bars
        if (days := _days_of(period, number, step))
    ]


def _days_of(period: Period, number: int, step: int) -> tuple[date, date]:
    first = period.first + timedelta(days=number * step)
    return first, min(first + timedelta(days=step - 1), period.last)


def _bar(
    x: float,
    rows: int,
    peak: int,
    counts: Mapping[str, int],
    days: tuple[date, date],
    address: _Address,
) -> dict[str, Any]:
    return {
        "x": _percent(x),
        "name": days_text(*days, "j E"),
        "url": address.of_days(*days),
        "sum": rows,
        "parts": _parts(days, counts, peak, address),
        "cells": _cells(days, counts, address) if rows else "",
    }


def _cells(days: tuple[date, date], counts: Mapping[str, int], address: _Address) -> SafeString:
    """Draw the cells of the table's row; a template's loops over them took a tenth of the page."""
    cells = (
        (format_html('<a href="{}">{}</a>', address.of_days(*days, state=state), grouped(count)),)
        if count
        else ("0",)
        for state, count in counts.items()
    )
    return format_html_join("", "<td>{}</td>", cells)


def _parts(
    days: tuple[date, date], counts: Mapping[str, int], peak: int, address: _Address
) -> list[_Part]:
    """Return the parts of a bar, the first state at the bottom."""
    parts: list[_Part] = []
    top, name = 100.0, days_text(*days)
    for number, (state, count) in enumerate(counts.items()):
        if not count:
            continue
        height = max(_LEAST, count * 100 / peak)
        top = max(0.0, top - height)
        label = str(DisplayState(state).label)
        title = f"{name} · {label}: {grouped(count)}"
        parts.append(
            _Part(
                _percent(top),
                _percent(height),
                TONES[state],
                number,
                title,
                address.of_days(*days, state=state),
            )
        )
    return parts


def _percent(value: float) -> str:
    """Return the value as SVG writes it."""
    return f"{value:.2f}%"


def _patterns(states: Sequence[str]) -> list[dict[str, Any]]:
    """Return the fillings of the drawn states, with the colour of each state."""
    return [
        {"number": number, "path": path, "width": width, "tone": TONES[state]}
        for number, state in enumerate(states)
        for path, width in (PATTERNS[number % len(PATTERNS)],)
    ]


def _states(counts: LedgerCounts, address: _Address) -> list[dict[str, Any]]:
    """Return the rows of each state, whichever is chosen: another one can be chosen here.

    ``pattern`` is the number of its filling; None when it is not drawn.
    """
    drawn = _drawn(counts)
    sums: Tally[str] = Tally()
    for (_day_of, state), count in counts.rows.items():
        sums[state] += count
    return [
        {
            "label": str(DisplayState(state).label),
            "tone": TONES[state],
            "count": grouped(sums[state]),
            "url": address.of(state=state),
            "is_chosen": state in counts.filters.states,
            "pattern": drawn.index(state) if state in drawn else None,
        }
        for state in DisplayState.values
        if sums[state]
    ]


def _peak_text(rows: int) -> str:
    """Return how many deliveries the highest bar has: the scale of the drawing."""
    text = plural(
        rows,
        _("самый высокий столбец — %(count)s отправка"),
        _("самый высокий столбец — %(count)s отправки"),
        _("самый высокий столбец — %(count)s отправок"),
    )
    return text % {"count": grouped(rows)}
