"""A table of numbers: shown, drawn as a chart, and downloaded as CSV from the same cells."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from cabinets.plurals import plural
from calls.pages.comparable import Comparable
from calls.summary.read import Period


@dataclass(frozen=True)
class Cell:
    """A cell; ``value`` is the number for charts and downloads, ``url`` where it leads.

    ``under`` stands beneath it, on the page only: rows that are not counted by the number itself.
    """

    text: str
    value: float | int | None = None
    url: str = ""
    under: Cell | None = None

    @property
    def raw(self) -> str:
        """The number for scripts, in the spelling of no language."""
        return "" if self.value is None else str(self.value)


@dataclass(frozen=True)
class Column:
    """A column; those with ``series`` are drawn, stacked on each other."""

    title: str
    series: bool = False


@dataclass(frozen=True)
class Bar:
    """A row drawn as a bar: ``reached`` and then what is ``lost`` since the row before.

    Both are widths in per cent as SVG writes them; none is so narrow that it is not seen.
    """

    title: str
    text: str
    reached: str
    lost: str

    @classmethod
    def of(cls, title: str, reached: int, before: int, every: int) -> Bar:
        """Return the bar of a row of ``every``, after a row of ``before``."""
        text = plural(
            reached,
            _("%(count)s отправка · %(share)s"),
            _("%(count)s отправки · %(share)s"),
            _("%(count)s отправок · %(share)s"),
        ) % {"count": count(reached).text, "share": share(reached, every).text}
        width = _width(reached, every)
        lost = min(_width(before - reached, every), 100 - width)
        return cls(title, text, f"{width:.2f}", f"{lost:.2f}")


def _width(part: int, whole: int) -> float:
    return max(0.5, part * 100 / whole) if part > 0 and whole else 0.0


@dataclass(frozen=True)
class NumberTable:
    """The first cell of a row names it. ``chart``: it is drawn; the table is folded then."""

    code: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    chart: bool = False
    bars: Sequence[Bar] = ()
    #: Which of Metrika's reports it compares with; None: said in its rows, or nowhere.
    comparable: Comparable | None = None

    @property
    def labelled_rows(self) -> list[list[tuple[str, Cell]]]:
        """The rows, each cell with the title of its column."""
        titles = [column.title for column in self.columns]
        return [list(zip(titles, row, strict=True)) for row in self.rows]

    @property
    def has_numbers(self) -> bool:
        """Whether a number other than zero stands beside a name."""
        return any(cell.value for row in self.rows for cell in row[1:])


def count(value: int, url: str = "") -> Cell:
    """Return a cell with a whole number; zero leads nowhere."""
    return Cell(number_format(value, force_grouping=True), value, url if value else "")


def share(part: float, whole: float) -> Cell:
    """Return a cell with a share in per cent, «—» of nothing."""
    if not whole:
        return Cell("—")
    value = round(part * 100 / whole, 1)
    return Cell(f"{number_format(value, 1)} %", value)


def duration(seconds: float, times: int) -> Cell:
    """Return a cell with an average time as minutes and seconds, «—» of nothing."""
    if not times:
        return Cell("—")
    average = round(seconds / times)
    return Cell(f"{average // 60}:{average % 60:02}", average)


def ledger_url(period: Period, **filters: Any) -> str:
    """Return the address of the ledger with the days of the period and these filters."""
    query = QueryDict(mutable=True)
    query["from"], query["to"] = f"{period.first:%Y-%m-%d}", f"{period.last:%Y-%m-%d}"
    for name, value in filters.items():
        if value:
            query[name] = str(value)
    return f"{reverse('calls:list')}?{query.urlencode()}"


def of_day(period: Period, day: date) -> Period:
    """Return this day as a period of the same zone."""
    return Period(day, day, period.zone)


def as_csv(table: NumberTable, name: str) -> HttpResponse:
    """Return the table as a file for Excel: numbers as numbers, the rest as text."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{table.code}.csv"'
    response.write("\ufeff")  # Excel reads UTF-8 by this mark.
    writer = csv.writer(response, delimiter=";")
    writer.writerow([column.title for column in table.columns])
    for row in table.rows:
        writer.writerow([_inert(one.text) if one.value is None else one.value for one in row])
    return response


def _inert(text: str) -> str:
    """Return the text so that no program takes it for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text != "—" else text
