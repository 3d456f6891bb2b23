"""Periods that are chosen by a name that stays true on any day, or by own dates.

The pages of numbers, the ledger and what people save of it have them alike: `period` in the address
is a key of `PERIODS`, `from` and `to` are own dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

#: The words of each period.
PERIODS: dict[str, str | Promise] = {
    "today": _("Сегодня"),
    "yesterday": _("Вчера"),
    "7d": _("7 дней"),
    "14d": _("14 дней"),
    "28d": _("28 дней"),
    "90d": _("90 дней"),
    "last_week": _("Прошлая неделя"),
    "month": _("Этот месяц"),
    "last_month": _("Прошлый месяц"),
}
#: The fields of the dates, by which a form has them, and their parameters.
DATE_PARAMETERS = {"date_from": "from", "date_to": "to"}


def days_of(name: str, today: date) -> tuple[date, date]:
    """Return the first and the last day of a period, which ends on ``today`` or before it."""
    if name == "yesterday":
        return today - timedelta(days=1), today - timedelta(days=1)
    if name == "last_week":
        monday = today - timedelta(days=today.weekday() + 7)
        return monday, monday + timedelta(days=6)
    if name == "month":
        return today.replace(day=1), today
    if name == "last_month":
        last = today.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    days = 1 if name == "today" else int(name.removesuffix("d"))
    return today - timedelta(days=days - 1), today


def shown_dates(data: Mapping[str, Any]) -> str:
    """Return both dates of the address as one value; '' without a date."""
    dates = data.get("from", ""), data.get("to", "")
    return "..".join(dates) if any(dates) else ""


def chosen_period(data: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with a period or with own dates: dates that were filled in win.

    A form sends the dates that it had as `shown`. A period that is chosen while these dates stand
    unchanged is what the person meant, and the dates are dropped.
    """
    dates = shown_dates(data)
    if not dates:
        return data
    if data.get("period") and dates == data.get("shown"):
        return {name: value for name, value in data.items() if name not in ("from", "to")}
    return data | {"period": ""}
