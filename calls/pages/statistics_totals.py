"""What the statistics page counted, and its table of totals with the comparison.

Today has not ended: it is in the totals, and neither side of the comparison has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from calls.pages.comparable import DETAILS, QUALITY, SOURCES, Report
from calls.pages.linked_share import LinkEvidence
from calls.pages.number_table import (
    Cell,
    Column,
    NumberTable,
    count,
    duration,
    ledger_url,
    share,
)
from calls.pages.report_words import QUALITY as QUALITY_NOTE
from calls.queries.statistics import Sums, total
from calls.summary.read import Period
from counters.models import Counter


@dataclass(frozen=True)
class Ended:
    """What is compared: the days of the period that have ended, and as many days before them."""

    period: Period
    before: Period
    calls_before: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, Any]]
    rows_before: Sequence[Mapping[str, Any]]
    evidence_before: LinkEvidence
    #: The day of the first call, when the days before begin before it: they are not compared.
    first_day: date | None


@dataclass(frozen=True)
class Statistics:
    """What was counted: calls and rows of the ledger of the period."""

    period: Period
    counter: Counter | None
    names: Mapping[int, str]
    #: By day and kind, and by hour of the day.
    calls: Sequence[Mapping[str, Any]]
    hours: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, Any]]
    evidence: LinkEvidence
    #: None when no day of the period has ended.
    ended: Ended | None

    def url(self, period: Period | None = None, **filters: Any) -> str:
        """Return the ledger with the same days and counter."""
        chosen = {"counter": self.counter.pk} if self.counter else {}
        return ledger_url(period or self.period, **(chosen | filters))


@dataclass(frozen=True)
class Numbers:
    """The numbers of a line: of the period, of its days that have ended, of as many before."""

    now: Cell
    ended: Cell
    before: Cell


def totals_table(found: Statistics) -> NumberTable:
    """Return the totals, compared with the days before."""
    lines = [*_of_calls(found), *_linked(found)]
    columns = [
        Column(_("Показатель")),
        Column(_("За период")),
        Column(_("За период до него")),
        Column(_("Изменение")),
        Column(_("Отчёт Метрики")),
        Column(_("Почему может отличаться")),
    ]
    if found.ended is None or found.ended.first_day is not None:
        # The numbers of a part of the days are not compared with those of all.
        lines = [[*_plain(line[:2]), Cell("—"), Cell("—"), *line[4:]] for line in lines]
    note = f"{_compared(found)} {QUALITY.title}. {QUALITY_NOTE}".lstrip()
    return NumberTable("totals", _("Итоги"), columns, lines, note)


def _plain(cells: Sequence[Cell]) -> list[Cell]:
    return [replace(one, under=None) for one in cells]


def _compared(found: Statistics) -> str:
    """Return which days are compared, or why none are; '' for all of the period."""
    if found.ended is None:
        return _("Сравнения нет: сегодняшний день ещё не закончился.")
    now, before = found.ended.period, found.ended.before
    if found.ended.first_day is not None:
        return _no_comparison(before, found.ended.first_day)
    if now == found.period:
        return ""
    text = _(
        "Сравнение — без сегодняшнего дня: он не закончился. Сравниваются %(first)s — %(last)s и "
        "столько же дней до них, с %(before)s."
    )
    days = {"first": now.first, "last": now.last, "before": before.first}
    return text % {name: date_format(day, "j E") for name, day in days.items()}


def _of_calls(found: Statistics) -> list[list[Cell]]:
    ended = found.ended
    of_ended = [row for row in found.calls if ended and row["day"] <= ended.period.last]
    sums = (total(found.calls), total(of_ended), total(ended.calls_before if ended else []))
    now = sums[0]

    def numbers(cell: Callable[[Sums], Cell]) -> Numbers:
        return Numbers(*map(cell, sums))

    calls = numbers(lambda one: count(one.calls))
    return [
        _line(
            _("Звонков"),
            replace(calls, now=count(now.calls, found.url())),
            DETAILS,
            _("там только те, что Метрика приняла"),
        ),
        _line(
            _("Пропущено"),
            numbers(lambda one: count(one.missed)),
            QUALITY,
            _("статических и непривязанных звонков в нём может не быть"),
        ),
        _line(
            _("Доля пропущенных"),
            numbers(lambda one: share(one.missed, one.calls)),
            QUALITY,
            _("Метрика делит на звонки этого отчёта, а не на все"),
        ),
        _line(
            _("Средний разговор"),
            numbers(lambda one: duration(one.talk_seconds, one.answered)),
            QUALITY,
            _("считаем по отвеченным, как Метрика, но по всем звонкам"),
        ),
        _line(
            _("Среднее ожидание"),
            numbers(lambda one: duration(one.hold_seconds, one.with_hold)),
            QUALITY,
            _why_wait(now.with_hold > 0),
        ),
    ]


def _why_wait(is_known: bool) -> str:
    if is_known:
        return _("Метрика считает ожидание до ответа и до отказа отдельно")
    return _("источники не присылают время ожидания этих звонков")


def _linked(found: Statistics) -> list[list[Cell]]:
    """Return the line of the linked share, and that of the logs where these name only some rows.

    Shares are compared when the same counters are counted by logs in both.
    """
    now = found.evidence.linked(found.rows)
    ended = before = None
    if found.ended:
        ended = found.evidence.linked(found.ended.rows)
        before = found.ended.evidence_before.linked(found.ended.rows_before)
    is_like = ended and before and ended.by_logs == before.by_logs
    cells = [one.cell if one and is_like else Cell("—") for one in (ended, before)]
    why = _("там только привязанные, и днём может быть день визита, а не звонка")
    if now.of:
        why = f"{now.words[0].upper()}{now.words[1:]}; {why}"
    line = _line(str(now.source.share_title), Numbers(now.cell, *cells), SOURCES, why)
    return [line, *([] if now.is_by_logs else _by_logs(found))]


def _by_logs(found: Statistics) -> list[list[Cell]]:
    """Return the line of the linked share by Metrika's logs; none where no row was proved."""
    proved = found.evidence.every
    if proved is None or proved.read_at is None or not proved.linkable:
        return []
    moment = date_format(timezone.localtime(proved.read_at), "j E, H:i")
    why = _(
        "из проверенных строк без статических и отправленных непривязанными (%(rows)s), по логам "
        "на %(at)s; по файлам — из всех таких, о которых Метрика что-то сообщила"
    )
    words = {"rows": number_format(proved.linkable), "at": moment}
    cell = share(proved.linked, proved.linkable)
    numbers = Numbers(cell, Cell("—"), Cell("—"))
    return [_line(_("Доля привязанных, по логам"), numbers, SOURCES, why % words)]


def _no_comparison(before: Period, first_day: date) -> str:
    text = _(
        "Сравнения нет: прошлый период (%(first)s — %(last)s) начался до первого звонка: он "
        "был %(day)s."
    )
    form = "j E Y"
    days = {"first": date_format(before.first, form), "last": date_format(before.last, form)}
    return text % {**days, "day": date_format(first_day, form)}


def _line(title: str, numbers: Numbers, report: Report, why: str) -> list[Cell]:
    named = Cell(str(report.title), url=report.url)
    now, ended, before = numbers.now, numbers.ended, numbers.before
    if ended.value is not None and ended.text != now.text:
        text = _("без сегодняшнего дня: %(count)s") % {"count": ended.text}
        now = replace(now, under=Cell(text, ended.value))
    return [Cell(title), now, before, _change(ended, before), named, Cell(why)]


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
