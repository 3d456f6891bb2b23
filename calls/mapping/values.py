"""Writes values of other senders as the parser reads them; what it reads already stays. Pure.

Nothing is guessed: a value that no rule here knows is left to the parser, which refuses it.
"""

from __future__ import annotations

import re
from typing import Any

#: Day, month, year and the time, as Russian offices write them: 27.11.2026 20:15:00.
_RUSSIAN_TIME = re.compile(
    r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})"
    r"(?:[\s,T]+(?P<hour>\d{1,2}):(?P<rest>\d{2}(?::\d{2})?(?:[.,]\d+)?))?"
)
#: Year first, with slashes or an hour of one digit: 2026/11/27 9:05.
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"(?:[\sT]+(?P<hour>\d{1,2}):(?P<rest>\d{2}(?::\d{2})?(?:[.,]\d+)?))?"
)
_BARE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?")
_ANSWERED = frozenset({"answered", "isanswered", "success", "entryresult"})
_LOST = frozenset({"islost", "lost", "missed", "ismissed"})
_YES, _NO = frozenset({"true", "1", "yes", "да"}), frozenset({"false", "0", "no", "нет"})
#: Outcomes that the parser does not know: those of Zadarma and Asterisk.
_FAILED = frozenset(
    {
        *("cancel", "cancelled", "canceled", "no money", "unallocated number", "no limit"),
        *("no day limit", "line limit", "no money, no limit", "congestion", "chanunavail"),
        *("voicemail", "calllost", "lost"),
    }
)
_OUTGOING = frozenset({"out", "outgoing", "outbound", "исходящий", "исходящие", "2"})
#: A number that a spreadsheet has rounded: 1,71803E+18. Without its sign it may be a hash.
_SPOILT = re.compile(r"[+-]?\d+(?:[.,]\d*[eEеЕ][+-]?|[eEеЕ][+-])\d+")
#: A spreadsheet keeps fifteen digits of a number.
_LARGEST_EXACT = 10**15
_EXTENSION = re.compile(r"\s*\[[^\]]*\]\s*$")


def written_time(value: Any) -> Any:
    """Return a local time as ISO 8601; any other value as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    found = _RUSSIAN_TIME.fullmatch(text) or _YEAR_FIRST.fullmatch(text)
    if found is None or _BARE_TIME.fullmatch(text):
        return value
    date = f"{found['year']}-{int(found['month']):02}-{int(found['day']):02}"
    if not found["hour"]:
        return date
    return f"{date} {int(found['hour']):02}:{found['rest'].replace(',', '.')}"


def joined_time(date: Any, clock: Any) -> Any:
    """Return the date with the time of day that came apart from it."""
    day = written_time(date)
    time = clock.strip() if isinstance(clock, str) else ""
    if not isinstance(day, str) or ":" in day or not time:
        return date
    return written_time(f"{day.strip()} {time}")


def in_utc(value: Any) -> Any:
    """Return a local time with the offset of UTC; any other value as it is."""
    text = value.strip() if isinstance(value, str) else ""
    return f"{text}+00:00" if _BARE_TIME.fullmatch(text) else value


def written_status(value: Any, name: str) -> Any:
    """Return success or fail for a yes or no and for words the parser does not know.

    ``name``: the plain name of the sender's field, which says what a yes means.
    """
    word = str(value).strip().casefold()
    if name in _ANSWERED | _LOST and word in _YES | _NO:
        return "success" if (word in _YES) == (name in _ANSWERED) else "fail"
    return "fail" if word in _FAILED else value


def without_extension(value: Any) -> Any:
    """Return `74950000000` for `74950000000 [12]`."""
    return _EXTENSION.sub("", value) if isinstance(value, str) else value


def is_outgoing(value: Any) -> bool:
    """Whether the direction says that the company called the client."""
    return str(value).strip().casefold() in _OUTGOING


def is_spoilt(value: Any) -> bool:
    """Whether a spreadsheet has rounded the number, so that its digits are lost."""
    if isinstance(value, float):
        return abs(value) >= _LARGEST_EXACT
    return isinstance(value, str) and _SPOILT.fullmatch(value.strip()) is not None
