"""The tables of the statistics page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calls.decision.reasons import REASON_TITLES
from calls.pages.comparable import OF_TABLES
from calls.pages.number_table import (
    Cell,
    Column,
    NumberTable,
    count,
    duration,
    ledger_url,
    of_day,
    share,
)
from calls.pages.statistics_totals import Statistics, totals_table
from calls.queries.statistics import Sums, counted, grouped
from calls.states import CallKind, DisplayState

MOST_REASONS = 10


def tables_of(found: Statistics) -> list[NumberTable]:
    """Return all tables in the order of the page."""
    tables = [totals_table(found), _days(found), _hours(found), _kinds(found), _states(found)]
    tables.append(_reasons(found))
    if not found.counter:
        tables.append(_counters(found))
    return [replace(one, comparable=OF_TABLES.get(one.code)) for one in tables]


def _days(found: Statistics) -> NumberTable:
    by_day = grouped(found.calls, lambda row: row["day"])
    rows = [
        _sums_row(
            Cell(date_format(day, "j b"), url=found.url(of_day(found.period, day))),
            by_day.get(day, Sums()),
        )
        for day in found.period.days
    ]
    return NumberTable("days", _("Звонки по дням"), _sums_columns(_("День")), rows, chart=True)


def _hours(found: Statistics) -> NumberTable:
    by_hour = grouped(found.hours, lambda row: row["hour_of_day"])
    rows = [_sums_row(Cell(f"{hour:02}:00"), by_hour.get(hour, Sums())) for hour in range(24)]
    title = _("Звонки по часам суток")
    return NumberTable("hours", title, _sums_columns(_("Час")), rows, chart=True)


def _kinds(found: Statistics) -> NumberTable:
    by_kind = grouped(found.calls, lambda row: row["kind"])
    rows = [
        _sums_row(Cell(str(kind.label), url=found.url(kind=kind)), by_kind[kind])
        for kind in CallKind
        if kind in by_kind
    ]
    return NumberTable("kinds", _("Звонки по видам"), _sums_columns(_("Вид")), rows)


def _sums_columns(first: str) -> list[Column]:
    return [
        Column(first),
        Column(_("Отвечено"), series=True),
        Column(_("Пропущено"), series=True),
        Column(_("Всего")),
        Column(_("Доля пропущенных")),
        Column(_("Средний разговор")),
        Column(_("Среднее ожидание")),
    ]


def _sums_row(first: Cell, sums: Sums) -> list[Cell]:
    return [
        first,
        count(sums.answered),
        count(sums.missed),
        count(sums.calls),
        share(sums.missed, sums.calls),
        duration(sums.talk_seconds, sums.answered),
        duration(sums.hold_seconds, sums.with_hold),
    ]


def _states(found: Statistics) -> NumberTable:
    labels = dict(DisplayState.choices)
    rows = _counted_rows(
        found,
        lambda row: row["shown"],
        lambda state: Cell(str(labels.get(state, state)), url=found.url(state=state)),
    )
    note = _("У звонка по строке на каждый счетчик и канал, поэтому строк больше, чем звонков.")
    columns = [Column(_("Состояние")), Column(_("Строк")), Column(_("Доля"))]
    return NumberTable("states", _("Что стало со звонками"), columns, rows, note)


def _reasons(found: Statistics) -> NumberTable:
    titles: Mapping[str, Any] = REASON_TITLES
    rows = _counted_rows(
        found,
        lambda row: row["reason"],
        lambda code: Cell(str(titles.get(code, code)), url=found.url(reason=code)),
        skip="",
    )
    columns = [Column(_("Причина")), Column(_("Строк")), Column(_("Доля"))]
    return NumberTable("reasons", _("Частые причины"), columns, rows[:MOST_REASONS])


def _counted_rows(
    found: Statistics,
    key: Callable[[Mapping[str, Any]], str],
    name: Callable[[str], Cell],
    skip: str | None = None,
) -> list[list[Cell]]:
    all_rows = sum(row["deliveries"] for row in found.rows)
    return [
        [name(value), count(number), share(number, all_rows)]
        for value, number in counted(found.rows, key).items()
        if value != skip
    ]


def _counters(found: Statistics) -> NumberTable:
    rows = []
    for pk, number in counted(found.rows, lambda row: int(row["counter_id"])).items():
        of_counter = [row for row in found.rows if row["counter_id"] == pk]
        name = found.names.get(pk, str(pk))
        first = Cell(name, url=ledger_url(found.period, counter=pk))
        linked = found.evidence.linked(of_counter)
        words = Cell(str(linked.source.words)) if linked.of else None
        rows.append([first, count(number), replace(linked.cell, under=words)])
    columns = [Column(_("Счетчик")), Column(_("Строк")), Column(_("Доля привязанных"))]
    return NumberTable("counters", _("По счетчикам"), columns, rows)
