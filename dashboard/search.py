"""Search of a cabinet by one text: calls, uploads and counters, in a fixed number of queries."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from cabinets.models import Cabinet
from calls.models import Upload
from calls.queries.call_list import ListedCall, page_of
from calls.queries.ledger_filters import CallFilters
from calls.queries.search import MOST_CALLS, call_ids
from counters.models import Counter

#: So many of each kind are listed.
MOST_LISTED = 20
_NUMBER = re.compile(r"(?:№|#)?\s*(\d{1,18})")
_ADDRESS = re.compile(r"(?i)^https?://|/+$")


@dataclass(frozen=True)
class Found:
    """What a text finds. ``more_calls`` and ``more_counters``: there are more than are listed."""

    calls: list[ListedCall] = field(default_factory=list)
    calls_count: int = 0
    uploads: list[Upload] = field(default_factory=list)
    counters: list[Counter] = field(default_factory=list)
    more_counters: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.calls or self.uploads or self.counters)

    @property
    def more_calls(self) -> bool:
        """Whether more calls were found than are listed."""
        return self.calls_count > len(self.calls)

    @property
    def has_most_calls(self) -> bool:
        """Whether the calls were not counted further."""
        return self.calls_count >= MOST_CALLS


def find(cabinet: Cabinet, text: str, *, sees_phones: bool, now: datetime) -> Found:
    """Return what the text finds in the cabinet, at most `MOST_LISTED` of each kind.

    Calls by phone in any spelling, or by the whole number of the call; uploads by our number, by
    Metrika's or by their marker; counters by a part of their number, name or site. Without
    ``sees_phones`` a phone is found as in the lists of calls (`calls.queries.search`).
    """
    if not text:
        return Found()
    ids = call_ids(text, cabinet=cabinet, sees_phones=sees_phones)
    listed = CallFilters(call_ids=ids[:MOST_LISTED])
    counters = _counters(cabinet, text)
    return Found(
        calls=page_of(cabinet, listed, cursor="", now=now).calls if ids else [],
        calls_count=len(ids),
        uploads=_uploads(cabinet, text),
        counters=counters[:MOST_LISTED],
        more_counters=len(counters) > MOST_LISTED,
    )


def _uploads(cabinet: Cabinet, text: str) -> list[Upload]:
    number = _NUMBER.fullmatch(text)
    wanted = Q(marker=text)
    if number:
        wanted |= Q(pk=int(number[1])) | Q(uploading_id=int(number[1]))
    return list(cabinet.uploads.with_account().filter(wanted).order_by("-pk")[:MOST_LISTED])


def _counters(cabinet: Cabinet, text: str) -> list[Counter]:
    part = _ADDRESS.sub("", text)
    if not part:
        return []
    wanted = Q(name__icontains=part) | Q(site__icontains=part)
    if number := _NUMBER.fullmatch(text):
        wanted |= Q(number__contains=number[1])
    found = cabinet.counters.with_account().filter(wanted)
    # Removed ones have a history, and come last.
    return list(found.order_by("removed_at", "name", "pk")[: MOST_LISTED + 1])
