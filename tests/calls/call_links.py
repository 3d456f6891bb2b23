"""The address of a call's page as files carry it (`CallTrackerURL`), and the call of an address."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from calls.models import Call

PAGES = "http://127.0.0.1:8000/lk/integrations/calls/"


def key_of(cabinet_id: int, external_id: str) -> str:
    """Return the key of a call, computed without the product."""
    return hashlib.sha256(f"{cabinet_id}:{external_id}".encode()).hexdigest()[:32]


def link_of(call: Call) -> str:
    """Return the address of the call's page."""
    return PAGES + key_of(call.cabinet_id, call.external_id)


def calls_of(links: Iterable[str]) -> list[int]:
    """Return the primary keys of the calls of these addresses, sorted, repeated like them."""
    known = {link_of(call): call.pk for call in Call.objects.only("cabinet_id", "external_id")}
    return sorted(known[link] for link in links)
