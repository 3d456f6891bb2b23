"""The meaning of a pair of telephony codes, by CallKeeper's list of statuses.

https://github.com/yuferev/callkeeper/blob/master/documentation/telephony/callstatus.md
A call with unknown codes is finished and real; its status word decides.
"""

from __future__ import annotations

Codes = tuple[int | None, int | None]

SUCCESS: Codes = (200, 200)
#: Planned, ringing, or waiting for its status.
UNFINISHED = frozenset({1, 2, 707})
TEST = 790
#: Not a real call: blocked, served already, cancelled, bad number, widget off, balance, repeat.
TECHNICAL = frozenset({667, 668, *range(701, 707), 708, 709, 710, 718, 811, 812, 813, 814, 815})


def is_finished(codes: Codes) -> bool:
    """Return whether the outcome is known."""
    return not (codes[0] in UNFINISHED and _has_no_second_code(codes))


def is_test(codes: Codes) -> bool:
    """Return whether it is a test of the widget."""
    return codes[0] == TEST and _has_no_second_code(codes)


def is_technical(codes: Codes) -> bool:
    """Return whether the call was blocked or cancelled, and so was never a missed call."""
    return codes[0] in TECHNICAL and _has_no_second_code(codes)


def status_of(word: str, codes: Codes) -> str:
    """Return "success" or "fail" by the status word, else by the codes; "" without both."""
    if word.lower() in {"success", "fail"}:
        return word.lower()
    if codes == (None, None):
        return ""
    return "success" if codes == SUCCESS else "fail"


def read_pair(text: str) -> Codes:
    """Return the codes of a pair such as "720/200" (older export), else (None, None)."""
    first, _slash, second = text.partition("/")
    if first.isdecimal() and second.isdecimal() and len(text) <= 9:
        return int(first), int(second)
    return None, None


def _has_no_second_code(codes: Codes) -> bool:
    return codes[1] in (0, None)
