"""The last requests of a source as they came, as the person may see them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cabinets.models import CallSource
from cabinets.sealing import UnsealFailed
from calls.mapping import flatten
from calls.masking import masked_address, masked_text, masked_value
from calls.models import ReceivedRequest
from calls.phones import MASKABLE_DIGITS

#: Requests on the page, and characters of a value there.
SHOWN, MAX_SHOWN = 10, 120


@dataclass(frozen=True)
class Came:
    """A request, and its first record: path → value."""

    request: ReceivedRequest
    item: dict[str, Any]
    values: list[tuple[str, str]]


def last_requests(source: CallSource, *, sees_phones: bool) -> list[Came]:
    """Return the last requests of the source, the newest first."""
    newest = ReceivedRequest.objects.filter(source=source).order_by("-at", "-pk")[:SHOWN]
    return [_came(one, sees_phones=sees_phones) for one in newest]


def samples_of(requests: Sequence[Came]) -> dict[str, Any]:
    """Return every path that came → its newest value that is not empty."""
    samples: dict[str, Any] = {}
    for came in requests:
        for path, value in flatten(came.item).items():
            if path not in samples or samples[path] in ("", None):
                samples[path] = value
    return samples


def shown_value(value: Any, *, sees_phones: bool) -> str:
    """Return the value as text; phones, identifiers and e-mails masked unless ``sees_phones``."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not sees_phones:
        is_identifier = sum(map(str.isdigit, text)) >= MASKABLE_DIGITS and " " not in text.strip()
        is_plain = is_identifier and text.strip().isalnum()
        text = masked_value(text) if is_plain else masked_address(masked_text(text))
    return text[:MAX_SHOWN]


def _came(request: ReceivedRequest, *, sees_phones: bool) -> Came:
    item = _item(request)
    values = [
        (path, shown_value(value, sees_phones=sees_phones)) for path, value in flatten(item).items()
    ]
    return Came(request, item, values)


def _item(request: ReceivedRequest) -> dict[str, Any]:
    """Return the record of the request, empty when it was not kept or cannot be opened."""
    try:
        item = json.loads(str(request.record) or "{}")
    except (UnsealFailed, ValueError):
        return {}
    return item if isinstance(item, dict) else {}
