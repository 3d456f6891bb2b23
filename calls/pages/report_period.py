"""The days of the page of Metrika's reports: a period by its name, or own dates of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.pages.periods import PERIODS as EVERY_PERIOD
from calls.pages.periods import chosen_period, days_of, shown_dates
from calls.reconciliation.reports import DAYS

#: The periods that can be chosen: those of statistics that a report reaches, and all its days.
PERIODS: dict[str, str | Promise] = {
    name: title for name, title in EVERY_PERIOD.items() if name != "90d"
}
PERIODS |= {f"{DAYS}d": gettext_lazy("30 дней")}
DEFAULT = "14d"


@dataclass(frozen=True)
class ReportPeriod:
    """Chosen days; ``name`` is '' for own dates. ``error``: why own dates were not taken."""

    name: str
    first: date
    last: date
    #: The days of a report, which own dates are of.
    earliest: date
    today: date
    error: str = ""

    @property
    def query(self) -> str:
        """Return the parameters that choose it."""
        if self.name:
            return urlencode({"period": self.name})
        return urlencode({"from": self.first, "to": self.last})

    @property
    def shown(self) -> str:
        """The dates that the fields show, for the next answer of the form."""
        return "" if self.name else f"{self.first}..{self.last}"

    @classmethod
    def chosen(cls, data: Mapping[str, str], today: date) -> ReportPeriod:
        """Return the period of the address. Addresses that people kept have `days`, a number."""
        values = chosen_period(dict(data))
        ends = today - timedelta(days=DAYS - 1), today
        if not shown_dates(values) or values.get("period"):
            name = values.get("period") or f"{values.get('days', '')}d"
            name = name if name in PERIODS else DEFAULT
            return cls(name, *days_of(name, today), *ends)
        first, last = _date(values.get("from")), _date(values.get("to"))
        if first and last and ends[0] <= first <= last <= today:
            return cls("", first, last, *ends)
        days = {"first": date_format(ends[0], "j E"), "last": date_format(today, "j E")}
        error = _("Укажите обе даты с %(first)s по %(last)s: за эти дни читается отчёт.") % days
        return cls(DEFAULT, *days_of(DEFAULT, today), *ends, error)


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None
