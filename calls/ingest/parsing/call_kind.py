"""Reads the kind of a call: callback, static or dynamic call tracking, or unknown. Pure."""

from __future__ import annotations

import re
from typing import Any

from calls.ingest.parsing.fields import (
    FALSE_TEXTS,
    TRUE_TEXTS,
    Item,
    as_text,
    read_key,
    read_text,
)
from calls.ingest.parsing.remembered import remembered
from calls.states import CallKind

#: Services of CallKeeper; "" stands for call tracking. Of any other the kind is not guessed.
KNOWN_SERVICES = frozenset({"", "calltracking", "callback", "import"})
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
    """Return the kind of the call; unknown when the record contradicts itself.

    Static is only what the record says is static: a call without an identifier may as well be a
    dynamic one whose number was noted down. ``has_identifier``: one came, readable or not.
    """
    service = read_text(item, "serviceType").lower()
    if service == "callback" or (not service and read_key(item.get("cbCallId"))):
        return CallKind.CALLBACK
    hints = frozenset() if service == "import" else _hints(item)
    if hints:
        kind = CallKind.STATIC if True in hints else CallKind.DYNAMIC
        return kind if len(hints) == 1 else CallKind.UNKNOWN
    is_tracking = service in KNOWN_SERVICES and has_identifier
    return CallKind.DYNAMIC if is_tracking else CallKind.UNKNOWN


@remembered(*STATIC_FLAGS, *KIND_FIELDS)
def _hints(item: Item) -> frozenset[bool]:
    """Return what the flags and the words say of the tracking number: is it static?"""
    hints = (*(_flag(item.get(name)) for name in STATIC_FLAGS), _said_by_words(item))
    return frozenset(hint for hint in hints if hint is not None)


def _flag(value: Any) -> bool | None:
    """Return yes or no, None for anything else."""
    if value is None:
        return None
    text = "" if isinstance(value, bool) else as_text(value).lower()
    if value is True or text in TRUE_TEXTS:
        return True
    return False if value is False or text in FALSE_TEXTS else None


def _said_by_words(item: Item) -> bool | None:
    """Return what the words say; None when they say nothing.

    Words that disagree mean dynamic: a row that was sent as static cannot be taken back.
    """
    texts = (read_text(item, name, limit=MAX_KIND).lower() for name in KIND_FIELDS)
    said = {
        (found["kind"] in _STATIC) != bool(found["negation"])
        for text in texts
        if text
        for found in _WORD.finditer(text)
    }
    return all(said) if said else None
