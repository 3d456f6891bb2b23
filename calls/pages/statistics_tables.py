"""The tables of the statistics page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from calls.decision.reasons import REASON_TITLES
from calls.pages.comparable import DETAILS, OF_TABLES, QUALITY, SOURCES, Report
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
from calls.pages.report_words import QUALITY as QUALITY_NOTE
from calls.queries.link_totals import ProvedRows
from calls.queries.statistics import Sums, counted, grouped, total
from calls.states import CallKind, DisplayState
from calls.summary.read import Period
from counters.models import Counter

MOST_REASONS = 10


@dataclass(frozen=True)
class Statistics:
    """What was counted: calls and rows of the ledger of the period, and of the one before."""

    period: Period
    counter: Counter | None
    names: Mapping[int, str]
    #: By day and kind, and by hour of the day.
    calls: Sequence[Mapping[str, Any]]
    hours: Sequence[Mapping[str, Any]]
    calls_before: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, Any]]
    rows_before: Sequence[Mapping[str, Any]]
    #: The day of the first call, when the period before begins before it.
    first_day: date | None = None
    #: What Metrika's logs say of the rows of the period; None when they are too many to count.
    proved: ProvedRows | None = None

    def url(self, period: Period | None = None, **filters: Any) -> str:
        """Return the ledger with the same days and counter."""
        chosen = {"counter": self.counter.pk} if self.counter else {}
        return ledger_url(period or self.period, **(chosen | filters))


def tables_of(found: Statistics) -> list[NumberTable]:
    """Return all tables in the order of the page."""
    tables = [_totals(found), _days(found), _hours(found), _kinds(found), _states(found)]
    tables.append(_reasons(found))
    if not found.counter:
        tables.append(_counters(found))
    return [replace(one, comparable=OF_TABLES.get(one.code)) for one in tables]


def _totals(found: Statistics) -> NumberTable:
    lines = [*_of_calls(found), *_by_files(found), *_by_logs(found)]
    columns = [
        Column(_("Показатель")),
        Column(_("За период")),
        Column(_("За период до него")),
        Column(_("Изменение")),
        Column(_("Отчёт Метрики")),
        Column(_("Почему может отличаться")),
    ]
    note = f"{QUALITY.title}. {QUALITY_NOTE}"
    if found.first_day is not None:
        # The numbers of a part of the days are not compared with those of all.
        lines = [[*line[:2], Cell("—"), Cell("—"), *line[4:]] for line in lines]
        note = f"{_no_comparison(found.period.before(), found.first_day)} {note}"
    return NumberTable("totals", _("Итоги"), columns, lines, note)


def _of_calls(found: Statistics) -> list[list[Cell]]:
    now, before = total(found.calls), total(found.calls_before)
    return [
        _line(
            _("Звонков"),
            count(now.calls, found.url()),
            count(before.calls),
            DETAILS,
            _("там только те, что Метрика приняла"),
        ),
        _line(
            _("Пропущено"),
            count(now.missed),
            count(before.missed),
            QUALITY,
            _("статических и непривязанных звонков в нём может не быть"),
        ),
        _line(
            _("Доля пропущенных"),
            share(now.missed, now.calls),
            share(before.missed, before.calls),
            QUALITY,
            _("Метрика делит на звонки этого отчёта, а не на все"),
        ),
        _line(
            _("Средний разговор"),
            duration(now.talk_seconds, now.answered),
            duration(before.talk_seconds, before.answered),
            QUALITY,
            _("считаем по отвеченным, как Метрика, но по всем звонкам"),
        ),
        _line(
            _("Среднее ожидание"),
            duration(now.hold_seconds, now.with_hold),
            duration(before.hold_seconds, before.with_hold),
            QUALITY,
            _why_wait(now.with_hold > 0),
        ),
    ]


def _why_wait(is_known: bool) -> str:
    if is_known:
        return _("Метрика считает ожидание до ответа и до отказа отдельно")
    return _("источники не присылают время ожидания этих звонков")


def _by_files(found: Statistics) -> list[list[Cell]]:
    why = _("там только привязанные, и днём может быть день визита, а не звонка")
    now, before = share(*_links(found.rows)), share(*_links(found.rows_before))
    return [_line(_("Доля привязанных, по файлам"), now, before, SOURCES, why)]


def _by_logs(found: Statistics) -> list[list[Cell]]:
    """Return the line of the linked share by Metrika's logs; none where no row was proved."""
    proved = found.proved
    if proved is None or proved.read_at is None or not proved.linkable:
        return []
    moment = date_format(timezone.localtime(proved.read_at), "j E, H:i")
    why = _(
        "из проверенных строк без статических и отправленных непривязанными (%(rows)s), по логам "
        "на %(at)s; по файлам — из всех таких, о которых Метрика что-то сообщила"
    )
    words = {"rows": number_format(proved.linkable), "at": moment}
    linked = share(proved.linked, proved.linkable)
    return [
        _line(
            _("Доля привязанных, по логам"),
            linked,
            Cell("—"),
            SOURCES,
            why % words,
        )
    ]


def _no_comparison(before: Period, first_day: date) -> str:
    text = _(
        "Сравнения нет: прошлый период (%(first)s — %(last)s) начался до первого звонка: он "
        "был %(day)s."
    )
    form = "j E Y"
    days = {"first": date_format(before.first, form), "last": date_format(before.last, form)}
    return text % {**days, "day": date_format(first_day, form)}


def _line(title: str, now: Cell, before: Cell, report: Report, why: str) -> list[Cell]:
    named = Cell(str(report.title), url=report.url)
    return [Cell(title), now, before, _change(now, before), named, Cell(why)]


def _change(now: Cell, before: Cell) -> Cell:
    """Return the change in per cent; of shares in percentage points."""
    if now.value is None or before.value is None:
        return Cell("—")
    if isinstance(now.value, float):
        points = round(now.value - before.value, 1)
        text = _("%(points)s п. п.") % {"points": _sign(points) + number_format(abs(points), 1)}
        return Cell(text, points)
    if not before.value:
        return Cell("—")
    value = round((now.value - before.value) * 100 / before.value)
    return Cell(f"{_sign(value)}{number_format(abs(value), force_grouping=True)} %", value)


def _sign(change: float) -> str:
    return "−" if change < 0 else "+" if change else ""


def _links(rows: Sequence[Mapping[str, Any]]) -> tuple[float, int]:
    return sum(row["linked"] for row in rows), sum(row["link_told"] for row in rows)


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
        rows.append([first, count(number), share(*_links(of_counter))])
    columns = [Column(_("Счетчик")), Column(_("Строк")), Column(_("Доля привязанных, по файлам"))]
    return NumberTable("counters", _("По счетчикам"), columns, rows)
