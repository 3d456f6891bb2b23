"""An HTTP answer as the rest of the package sees it, and the reading of its JSON."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

REQUEST_ID_HEADERS = ("X-Request-Id", "X-Yandex-Req-Id", "X-Req-Id", "X-RequestId")
# What the vendor's request ids are made of; anything else in the header is not shown.
REQUEST_ID = re.compile(r"[A-Za-z0-9][\w./-]{0,79}\Z")

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# The one format that senders may use; the two obsolete ones no server of today sends.
IMF_FIXDATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def json_object(self) -> dict[str, Any] | None:
        """Return the body as a JSON object, or None when it is anything else."""
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) else None

    @property
    def request_id(self) -> str:
        given = (self.headers.get(name, "") for name in REQUEST_ID_HEADERS)
        return next((text for text in given if REQUEST_ID.match(text)), "")

    @property
    def sent_at(self) -> datetime | None:
        """The vendor's time, by the ``Date`` header; None when it is not an HTTP-date."""
        moment = _moment(self.headers.get("Date", ""))
        return None if moment is None else datetime.fromtimestamp(moment, UTC)

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait by the ``Retry-After`` header (RFC 9110, 10.2.3); never negative.

        Yandex documents no such header; gateways in front of it may send one.
        """
        text = self.headers.get("Retry-After", "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
            return float(text)
        moment = _moment(text)
        if moment is None:
            return None
        now = _moment(self.headers.get("Date", ""))
        return max(0.0, moment - (time.time() if now is None else now))


def _moment(text: str) -> float | None:
    """Return an HTTP-date in Unix seconds (RFC 9110, 5.6.7); None for anything else.

    The date is always GMT. A header that came twice, or without its zone, is no date: guessing one
    would shift the day by which quotas are counted.
    """
    found = IMF_FIXDATE.fullmatch(text.strip())
    if found is None:
        return None
    month = found[2]
    day, year, hour, minute, second = (int(found[group]) for group in (1, 3, 4, 5, 6))
    try:
        number = MONTHS.index(month) + 1
        moment = datetime(year, number, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()
