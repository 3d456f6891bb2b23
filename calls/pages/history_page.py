"""Template context of a counter's history: its rows, their totals, what an empty one says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.access import CabinetRequest
from calls.decision.reasons import hide_personal_data
from calls.pages.badge import badge_of, same_second_text
from calls.pages.empty_history import hints_of, url_of
from calls.pages.forms import DEFAULT_DAYS, HistoryFilterForm
from calls.pages.status_messages import sentence_of
from calls.pages.upload_page import sent_at_of
from calls.phones import shown_phone
from calls.queries import history as history_pages
from calls.queries.blockers import blocker_of, of_channel
from calls.queries.display_state import DisplayDelivery, is_changed_after_send
from calls.queries.redecision import grouped
from calls.queries.same_second import SameSecond, same_second
from calls.queries.stats import history_totals, whole_history_totals
from calls.states import Channel, DisplayState
from counters.models import Counter

#: The totals of a period that was not chosen count no more rows than these.
MAX_TOTALLED = 10_000
#: So many rows are counted before the page is shown; totals of more are loaded after it.
MAX_COUNTED_AT_ONCE = 3000
#: The parameter of the URL that asks for the totals of any number of rows.
TOTALS = "totals"
_BLOCKABLE = {DisplayState.WAITING, DisplayState.HELD, DisplayState.BATCHED}


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
    # Only deliveries that are not with Metrika yet can be blocked.
    is_blockable = any(one.display_state in _BLOCKABLE for one in page.rows)
    blocker = blocker_of(counter, now=now) if is_blockable else ""
    sees_phones = request.membership.can_manage
    pairs = same_second(page.rows)
    if not sees_phones:
        hide_personal_data(page.rows)
    return {
        "rows": [
            _row(
                one,
                blocker=of_channel(counter, one.channel, blocker),
                sees_phones=sees_phones,
                pair=pairs.get((one.call_id, counter.pk)) if one.channel == Channel.GOAL else None,
            )
            for one in page.rows
        ],
        "next_cursor": page.next_cursor,
    }


def _period(filters: history_pages.Filters) -> str:
    """Return the days that the totals count."""
    ends = [(_("с %s"), filters.first_day), (_("по %s"), filters.last_day)]
    given = [text % date_format(day, "j E Y") for text, day in ends if day]
    return " ".join(given) or _("за всё время")


def _row(
    delivery: DisplayDelivery, *, blocker: str, sees_phones: bool, pair: SameSecond | None
) -> dict[str, Any]:
    call, upload = delivery.call, delivery.upload
    state_text, state_tone = badge_of(delivery, pair)
    return {
        "url": reverse("calls:journey", args=[call.pk]),
        "at": call.started_at,
        "kind_text": call.kind_text,
        "phone": shown_phone(call.phone, call.phone_text, is_whole=sees_phones),
        "duration": call.duration_seconds,
        "channel_text": delivery.get_channel_display(),
        "state_text": state_text,
        "state_tone": state_tone,
        "reason_text": sentence_of(delivery, blocker=blocker),
        "same_second_text": same_second_text(pair, is_whole=sees_phones) if pair else "",
        "changed_after_send": is_changed_after_send(call, delivery),
        "upload_text": _("Выгрузка %(number)d") % {"number": upload.pk} if upload else "",
        "upload_url": reverse("calls:upload", args=[upload.pk]) if upload else "",
        "sent_at": sent_at_of(upload) if upload else None,
    }
