"""The page of all calls of a cabinet, also of those that concern no counter."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from calls.masking import masked_text
from calls.models import Call
from calls.pages.forms import CallListForm
from calls.phones import shown_phone
from calls.queries.call_list import SCANNED, ListedCall, page_of
from calls.states import DisplayState

#: More deliveries of a call than these are counted.
MAX_NAMED = 3
SITE_UNREADABLE = gettext_lazy("В поле сайта пришёл не адрес сайта")
NO_COUNTERS = gettext_lazy("В кабинете нет счетчиков")
CAME_BEFORE = gettext_lazy(
    "Сейчас подошёл бы, но когда он пришёл, не относился ни к одному счетчику"
)


@require_safe
@cabinet_required
def call_list(request: HttpRequest) -> HttpResponse:
    """List the calls of the cabinet, newest first, with the counters that each concerns."""
    person = cast(CabinetRequest, request)
    sees_phones = person.membership.can_manage
    data = request.GET.dict()
    form = CallListForm(data, cabinet=person.cabinet, sees_phones=sees_phones)
    context: dict[str, Any] = {"filters": form, "scanned": SCANNED}
    if form.is_valid():
        cursor, now = data.get("cursor", ""), timezone.now()
        page = page_of(person.cabinet, form.filters(), cursor=cursor, now=now)
        context |= {
            "rows": [row_of(one, sees_phones=sees_phones) for one in page.calls],
            "next_cursor": page.next_cursor,
            "is_filtered": bool(cursor) or form.is_narrowed,
        }
    return render(request, "calls/call_list.html", context)


def row_of(listed: ListedCall, *, sees_phones: bool) -> dict[str, Any]:
    """Return the values of `calls/_call_list_row.html`, masked unless ``sees_phones``."""
    call = listed.call
    return {
        "url": reverse("calls:journey", args=[call.pk]),
        "at": call.started_at,
        "kind_text": call.kind_text,
        "phone": shown_phone(call.phone, call.phone_text, is_whole=sees_phones),
        "duration": call.duration_seconds,
        "site": call.site if sees_phones else masked_text(call.site),
        "deliveries": [
            {
                "name": f"{one.counter.name} · {one.get_channel_display()}",
                "state_text": DisplayState(one.display_state).label,
            }
            for one in listed.deliveries[:MAX_NAMED]
        ],
        "more": max(0, len(listed.deliveries) - MAX_NAMED),
        "reason_text": "" if listed.deliveries else _reason(call, listed),
    }


def _reason(call: Call, listed: ListedCall) -> str:
    if not listed.has_counters:
        return str(NO_COUNTERS)
    if listed.nearest_rule is None:
        return str(CAME_BEFORE)
    if call.site and not call.site_host:
        return str(SITE_UNREADABLE)
    return str(listed.nearest_rule.no_counter)
