"""The secret addresses of a source of webhooks, and what to do with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from cabinets.access import CabinetRequest
from cabinets.addresses import MAX_LIVE, live_addresses
from cabinets.models import CallSource, SecretAddress
from cabinets.sealing import UnsealFailed


@dataclass(frozen=True)
class ShownAddress:
    """``url`` is '' for one whose token no key of SEALING_KEYS opens."""

    created_at: datetime
    url: str
    is_newest: bool
    retire_url: str


def panel(request: CabinetRequest, source: CallSource) -> dict[str, Any] | None:
    """Return the context of `_panel_address.html`; the addresses only for those who manage."""
    if source.kind != CallSource.Kind.WEBHOOK:
        return None
    can_manage = request.membership.can_manage
    live = live_addresses(source) if can_manage else []
    return {
        "template": "calls/sources/_panel_address.html",
        "addresses": [_shown(source, one, live) for one in live],
        "has_two": len(live) == MAX_LIVE,
        "rotate_url": reverse("calls:source-address-rotate", args=[source.pk]),
    }


def _shown(source: CallSource, one: SecretAddress, live: list[SecretAddress]) -> ShownAddress:
    return ShownAddress(
        one.created_at,
        _url(one),
        is_newest=len(live) > 1 and one == live[-1],
        retire_url=reverse("calls:source-address-retire", args=[source.pk, one.pk]),
    )


def _url(one: SecretAddress) -> str:
    try:
        return settings.PUBLIC_URL + reverse("calls:hook", args=[one.token])
    except UnsealFailed:
        return ""
