"""The last requests to the secret addresses of a source, as they came."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from cabinets.access import CabinetRequest
from cabinets.models import CallSource
from cabinets.refusals import refusal_text, rejection_text
from cabinets.sealing import UnsealFailed
from calls.mapping import flatten
from calls.masking import masked_text
from calls.models import ReceivedRequest
from calls.pages.sources.received_requests import shown_value

SHOWN = 10


@dataclass(frozen=True)
class ShownRequest:
    """A request in words, and the fields of its first record."""

    request: ReceivedRequest
    text: str
    tone: str
    message: str
    fields: list[tuple[str, str]]


def panel(request: CabinetRequest, source: CallSource) -> dict[str, Any] | None:
    """Return the context of `_panel_received.html`; None for a source that is no webhook."""
    if source.kind != CallSource.Kind.WEBHOOK:
        return None
    last = list(source.received_requests.order_by("-at", "-pk")[:SHOWN])
    sees_phones = request.membership.can_manage
    return {
        "template": "calls/sources/_panel_received.html",
        "requests": [_shown(one, sees_phones=sees_phones) for one in last],
        "newest": last[0].pk if last else 0,
    }


def _shown(one: ReceivedRequest, *, sees_phones: bool) -> ShownRequest:
    text, tone = _outcome(one)
    message = one.message if sees_phones else masked_text(one.message)
    return ShownRequest(one, text, tone, message, fields_of(one, sees_phones=sees_phones))


def fields_of(one: ReceivedRequest, *, sees_phones: bool) -> list[tuple[str, str]]:
    """Return path and value of each field of the first record; values masked unless allowed."""
    try:
        record = json.loads(one.record) if one.record else {}
    except UnsealFailed:
        return []
    return [
        (path, shown_value(value, sees_phones=sees_phones))
        for path, value in flatten(record).items()
    ]


def _outcome(one: ReceivedRequest) -> tuple[str, str]:
    """Return what became of the request, and its tone."""
    if one.code == "no_data":
        return _("пустой запрос: полей в нём нет"), "warning"
    if not one.records:
        return _("не прочитан: %(reason)s") % {"reason": refusal_text(one.code)}, "danger"
    if not one.code:
        return _("принят"), "success"
    reason = rejection_text(one.code)
    if not one.accepted:
        return _("запись отклонена: %(reason)s") % {"reason": reason}, "danger"
    words = {"accepted": one.accepted, "records": one.records, "reason": reason}
    text = _("принято записей %(accepted)d из %(records)d, первая отклонённая: %(reason)s")
    return text % words, "warning"
