"""Template context of the rows of the ledger: a call each, with what became of it per counter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.plurals import plural
from calls.decision.reasons import hide_personal_data
from calls.forecast import Forecast
from calls.masking import masked_text
from calls.models import Call
from calls.pages.history_rows import BLOCKABLE, cell_of, counted_on
from calls.pages.sent_changes import changed_text, changes_of
from calls.phones import shown_phone
from calls.queries.blockers import blockers_of, of_channel
from calls.queries.call_list import ListedCall
from calls.queries.display_state import DisplayDelivery
from calls.queries.gathering import add_gathering
from calls.queries.link_proofs import Link
from calls.queries.same_second import same_second
from calls.states import Channel, DeliveryState

#: More deliveries of a call than these are counted.
MAX_NAMED = 2
SITE_UNREADABLE = gettext_lazy("В поле сайта пришёл не адрес сайта")
NO_COUNTERS = gettext_lazy("В кабинете нет счетчиков")
CAME_BEFORE = gettext_lazy(
    "Сейчас подошёл бы, но когда он пришёл, не относился ни к одному счетчику"
)


def ledger_rows(
    listed: Sequence[ListedCall], *, now: datetime, sees_phones: bool
) -> list[dict[str, Any]]:
    """Return the values of `calls/_call_list_row.html` for each call; five queries at most, and
    three more when calls changed after they were sent.

    Without ``sees_phones`` personal data is masked, also in the deliveries themselves.
    """
    shown = [row for one in listed for row in one.shown(MAX_NAMED)]
    add_gathering(shown, now=now)
    links = {pk: link for one in listed for pk, link in one.links.items()}
    forecasts = {pk: found for one in listed for pk, found in one.forecasts.items()}
    cells = _cells(shown, links, forecasts, now=now, sees_phones=sees_phones)
    return [_row(one, cells, sees_phones=sees_phones) for one in listed]


def _cells(
    rows: Sequence[DisplayDelivery],
    links: dict[int, Link],
    forecasts: dict[int, Forecast],
    *,
    now: datetime,
    sees_phones: bool,
) -> dict[tuple[int, int, int], dict[str, Any]]:
    """Return what each row shows, by call, counter and channel."""
    # Only rows that are not with Metrika yet can be blocked.
    counters = {one.counter_id: one.counter for one in rows if one.display_state in BLOCKABLE}
    blockers = blockers_of(counters.values(), now=now) if counters else {}
    pairs = same_second(rows)
    if not sees_phones:
        hide_personal_data(rows)
    changes = changes_of(rows, is_whole=sees_phones)
    return {
        (row.call_id, row.counter_id, row.channel): cell_of(
            row,
            blocker=of_channel(row.counter, row.channel, blockers.get(row.counter_id, "")),
            pair=pairs.get((row.call_id, row.counter_id)) if row.channel == Channel.GOAL else None,
            sees_phones=sees_phones,
            changed=changed_text(changes, row),
            link=links.get(row.pk),
        )
        | {
            "counter": row.counter.name,
            "channel": str(Channel(row.channel).label),
            "forecast": forecasts.get(row.pk) if row.state == DeliveryState.WAITING else None,
        }
        for row in rows
    }


def _row(
    listed: ListedCall,
    cells: dict[tuple[int, int, int], dict[str, Any]],
    *,
    sees_phones: bool,
) -> dict[str, Any]:
    call, rows = listed.call, listed.shown(MAX_NAMED)
    return {
        "url": reverse("calls:journey", args=[call.pk]),
        "at": call.started_at,
        "counted_on": counted_on(call),
        "kind_text": call.kind_text,
        "phone": shown_phone(call.phone, call.phone_text, is_whole=sees_phones),
        "duration": call.duration_seconds,
        "site": call.site if sees_phones else masked_text(call.site),
        "source": call.source.name if call.source else "",
        "deliveries": [cells[row.call_id, row.counter_id, row.channel] for row in rows],
        "more": _more(listed, len(rows)),
        "reason_text": "" if listed.deliveries else _reason(call, listed),
    }


def _more(listed: ListedCall, shown: int) -> str:
    """Return how many deliveries are on the page of the call only; '' when all are shown."""
    number = len(listed.deliveries) - shown
    if not number:
        return ""
    rest = listed.deliveries[shown:]
    if not {row.counter_id for row in rest} & {row.counter_id for row in listed.deliveries[:shown]}:
        text = plural(
            number,
            _("и ещё %(number)d отправка у других счетчиков"),
            _("и ещё %(number)d отправки у других счетчиков"),
            _("и ещё %(number)d отправок у других счетчиков"),
        )
        return text % {"number": number}
    text = plural(
        number,
        _("и ещё %(number)d отправка"),
        _("и ещё %(number)d отправки"),
        _("и ещё %(number)d отправок"),
    )
    return text % {"number": number}


def _reason(call: Call, listed: ListedCall) -> str:
    if not listed.has_counters:
        return str(NO_COUNTERS)
    if listed.nearest_rule is None:
        return str(CAME_BEFORE)
    if call.site and not call.site_host:
        return str(SITE_UNREADABLE)
    return str(listed.nearest_rule.no_counter)
