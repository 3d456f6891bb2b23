"""Which fields of a cabinet's sources have become empty, in words, and how filled each field is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.models import Cabinet, CallSource
from calls.models import EmptyField, WatchedHour
from calls.queries.stats import share_text

#: The period of `fields_of`.
PERIOD = timedelta(days=1)


@dataclass(frozen=True)
class FieldUse:
    """How many of a source's records have a field, and when it came first and last."""

    field: str
    calls: int
    empty: int
    first: datetime
    last: datetime

    @property
    def empty_text(self) -> str:
        """The share of the records in which it is empty."""
        return share_text(self.empty, self.calls)


def empty_fields(cabinet: Cabinet) -> list[EmptyField]:
    """Return what has become empty in the cabinet's sources that are switched on, in one query."""
    rows = EmptyField.objects.filter(source__cabinet=cabinet, source__is_active=True)
    return list(rows.select_related("source").order_by("source_id", "field"))


def empty_text(one: EmptyField) -> str:
    """Return in one sentence how often the field is empty, since when, and how often before.

    It names the numbers that were counted and when, so that it stays true while others come.
    """
    text = _(
        "поле %(field)s пустое у %(share)s звонков с %(since)s (%(empty)d из %(calls)d, посчитано "
        "%(at)s); до этого — у %(before)s."
    )
    return text % {
        "field": one.field,
        "share": share_text(one.empty, one.calls),
        "since": _moment(one.since),
        "at": _moment(one.counted_at),
        "empty": one.empty,
        "calls": one.calls,
        "before": share_text(one.empty_before, one.calls_before),
    }


def fields_of(source: CallSource, *, now: datetime) -> list[FieldUse]:
    """Return how filled each field of the source's last day of records is, by name, in one query.

    ``first`` and ``last`` are hours of all that is kept. Of a source without calls in the last day
    nothing is returned.
    """
    hours = list(WatchedHour.objects.filter(source=source).order_by("hour"))
    recent = [one for one in hours if one.hour > now - PERIOD]
    calls = sum(one.calls for one in recent)
    if not calls:
        return []
    filled: Counter[str] = Counter()
    for hour in recent:
        filled.update(hour.filled)
    seen: dict[str, list[datetime]] = {}
    for hour in hours:
        for name in hour.filled:
            seen.setdefault(name, []).append(hour.hour)
    return [
        FieldUse(name, calls, calls - filled[name], moments[0], moments[-1])
        for name, moments in sorted(seen.items())
    ]


def _moment(at: datetime) -> str:
    local = timezone.localtime(at)
    is_today = local.date() == timezone.localtime().date()
    return date_format(local, "H:i" if is_today else "d.m H:i")
