"""The last requests to the secret addresses of a source, as they came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from cabinets.access import CabinetRequest
from cabinets.models import CallSource
from cabinets.refusals import refusal_text, rejection_text
from calls.masking import masked_text
from calls.models import ReceivedRequest
from calls.pages.sources.received_requests import Came, last_requests


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
    sees_phones = request.membership.can_manage
    last = last_requests(source, sees_phones=sees_phones)
    return {
        "template": "calls/sources/_panel_received.html",
        "requests": [_shown(one, sees_phones=sees_phones) for one in last],
        "newest": last[0].request.pk if last else 0,
    }


def _shown(came: Came, *, sees_phones: bool) -> ShownRequest:
    one = came.request
    text, tone = _outcome(one)
    message = one.message if sees_phones else masked_text(one.message)
    return ShownRequest(one, text, tone, message, came.values)


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
