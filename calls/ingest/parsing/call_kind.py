"""Reads the kind of a call: callback, static or dynamic call tracking, or unknown. Pure."""

from __future__ import annotations

import re

from calls.ingest.parsing.fields import Item, as_text, present, read_flag, read_key, read_text
from calls.states import CallKind

#: Where a record says whether its tracking number is static: flags, and texts with a word of it.
STATIC_FLAGS = ("isStatic", "is_static", "static")
KIND_FIELDS = (
    *("callType", "call_type"),
    *("ctCampaignType", "campaignType", "campaign_type", "ctCampaignKind", "campaignKind"),
)
#: A longer text is no name of a kind.
MAX_KIND = 1024
#: The word from its beginning, with or without a negation: «нестатический», non-static.
_WORD = re.compile(
    r"(?<![^\W_])(?P<negation>(?:не(?:\s+является)?|isn['’]t|non|not)[\s_\u2010-\u2015-]*)?"
    r"(?P<kind>динамич|dynamic|статич|static)"
)
_STATIC = ("статич", "static")


def read_kind(item: Item, *, has_identifier: bool) -> CallKind:
    """Return the kind of the call.

    Static is only what the record says is static: a call without an identifier may as well be a
    dynamic one whose number was noted down. ``has_identifier``: one came, readable or not.
    """
    service = read_text(item, "serviceType").lower()
    if service == "callback" or (not service and read_key(item.get("cbCallId"))):
        return CallKind.CALLBACK
    is_static = None if service == "import" else _is_static(item)
    if is_static is None:
        return CallKind.DYNAMIC if has_identifier else CallKind.UNKNOWN
    return CallKind.STATIC if is_static else CallKind.DYNAMIC


def _is_static(item: Item) -> bool | None:
    """Return what the record says of its tracking number; None when it says nothing.

    Words that disagree mean dynamic: a row that was sent as static cannot be taken back.
    """
    name, value = present(item, *STATIC_FLAGS)
    if isinstance(value, bool) or as_text(value):
        return read_flag(item, name)
    texts = (read_text(item, name, limit=MAX_KIND).lower() for name in KIND_FIELDS)
    said = {
        (found["kind"] in _STATIC) != bool(found["negation"])
        for text in texts
        for found in _WORD.finditer(text)
    }
    return all(said) if said else None
