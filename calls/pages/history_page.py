"""Template context of a counter's history: its rows, their totals, what an empty one says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.access import CabinetRequest
from calls.pages.empty_history import hints_of, url_of
from calls.pages.forms import DEFAULT_DAYS, HistoryFilterForm
from calls.pages.history_rows import channels_of, rows_context
from calls.queries import history as history_pages
from calls.queries.redecision import grouped
from calls.queries.stats import history_totals, whole_history_totals
from counters.models import Counter

#: The totals of a period that was not chosen count no more rows than these.
MAX_TOTALLED = 10_000
#: So many rows are counted before the page is shown; totals of more are loaded after it.
MAX_COUNTED_AT_ONCE = 3000
#: The parameter of the URL that asks for the totals of any number of rows.
TOTALS = "totals"


def filter_form(
    request: CabinetRequest, counter: Counter, data: dict[str, str]
) -> HistoryFilterForm:
    """Return the filter form of the signed-in person, filled with the values of the URL."""
    return HistoryFilterForm(
        data,
        counter=counter,
        cabinet=request.cabinet,
        sees_phones=request.membership.can_manage,
    )


def history_context(
    request: CabinetRequest, counter: Counter, form: HistoryFilterForm
) -> dict[str, Any]:
    """Return the context of a valid form.

    A default period without calls gives way to an earlier one when there are calls before it, and
    the page says so.
    """
    now, filters = timezone.now(), form.filters()
    context = _rows_context(request, counter, filters, now)
    if context["rows"] or request.GET.get("cursor"):
        return context | _first_totals(request, counter, form, filters, now)
    if form.has_default_period:
        earlier = _earlier_form(request, counter, form.filters(), now)
        if earlier is not None:
            chosen = earlier.filters()
            found = _rows_context(request, counter, chosen, now)
            totals = _first_totals(request, counter, earlier, chosen, now)
            return (
                found
                | totals
                | {
                    "filters": earlier,
                    "lifted_days": DEFAULT_DAYS,
                    "all_time_url": _all_time_url(request, earlier),
                }
            )
    return (
        context
        | _first_totals(request, counter, form, filters, now)
        | {"hints": hints_of(counter, form, filters, now=now)}
    )


def totals_context(counter: Counter, filters: history_pages.Filters) -> dict[str, Any]:
    """Return the number of rows in each state, and what became of those that were sent.

    Reads every row that passes the filters, whatever state is chosen.
    """
    now = timezone.now()
    if replace(filters, state="") == history_pages.Filters():
        totals, linked = whole_history_totals(counter, now=now)
    else:
        every_state = history_pages.of_every_state(counter, filters, now=now)
        totals, linked = history_totals(every_state, now=now)
    return _period_context(filters) | {
        "totals": totals,
        "totals_count": sum(total.count for total in totals),
        "chosen": next((total for total in totals if total.state == filters.state), None),
        "sent_count": sum(total.sent for total in totals),
        "linked_parts": linked.parts(),
    }


def _first_totals(
    request: CabinetRequest,
    counter: Counter,
    form: HistoryFilterForm,
    filters: history_pages.Filters,
    now: datetime,
) -> dict[str, Any]:
    """Return the totals of a first page, or, when there are too many rows, where to load them."""
    if request.GET.get("cursor"):  # it is appended below the first, which has shown them
        return _period_context(filters) | {"totals": []}
    every_state = history_pages.of_every_state(counter, filters, now=now)
    is_asked = TOTALS in request.GET
    if is_asked or not history_pages.is_longer_than(MAX_COUNTED_AT_ONCE, every_state):
        return totals_context(counter, filters)
    return _period_context(filters) | {
        "totals_url": url_of(counter, form.shown_values() | {TOTALS: "1"}),
        "counted_at_once": grouped(MAX_COUNTED_AT_ONCE),
    }


def _period_context(filters: history_pages.Filters) -> dict[str, Any]:
    # Within one channel each call has one delivery, so the total counts calls.
    return {"one_channel": filters.channel is not None, "period": _period(filters)}


def _earlier_form(
    request: CabinetRequest, counter: Counter, filters: history_pages.Filters, now: datetime
) -> HistoryFilterForm | None:
    """Return the form of a period with calls in place of the default one; None when there is none.

    It is all time, or, when there are more than MAX_TOTALLED rows to count, the DEFAULT_DAYS up to
    the last call.
    """
    all_time = replace(filters, first_day=None)
    last_day = history_pages.last_day_of(counter, all_time, now=now)
    if last_day is None:
        return None
    period = {"date_from": "", "date_to": ""}
    if history_pages.has_more_than(MAX_TOTALLED, counter, all_time, now=now):
        first_day = last_day - timedelta(days=DEFAULT_DAYS - 1)
        period = {"date_from": first_day.isoformat(), "date_to": last_day.isoformat()}
    form = filter_form(request, counter, request.GET.dict() | period)
    return form if form.is_valid() else None


def _all_time_url(request: CabinetRequest, form: HistoryFilterForm) -> str:
    """Return the link to the whole history; '' when the form shows it."""
    if not form["date_from"].value():
        return ""
    return "?" + urlencode(request.GET.dict() | {"date_from": "", "date_to": ""})


def _rows_context(
    request: CabinetRequest, counter: Counter, filters: history_pages.Filters, now: datetime
) -> dict[str, Any]:
    cursor = request.GET.get("cursor", "")
    page = history_pages.page_of(counter, filters, cursor=cursor, now=now)
    channels = channels_of(filters.channel)
    sees_phones = request.membership.can_manage
    return {
        "rows": rows_context(page.rows, counter, channels, now=now, sees_phones=sees_phones),
        "channels": [channel.label for channel in channels],
        "next_cursor": page.next_cursor,
    }


def _period(filters: history_pages.Filters) -> str:
    """Return the days that the totals count."""
    ends = [(_("с %s"), filters.first_day), (_("по %s"), filters.last_day)]
    given = [text % date_format(day, "j E Y") for text, day in ends if day]
    return " ".join(given) or _("за всё время")
