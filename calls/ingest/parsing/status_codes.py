"""What a pair of telephony codes says about a call; reference: CallKeeper's list of statuses.

https://github.com/yuferev/callkeeper/blob/master/documentation/telephony/callstatus.md
Unknown codes say nothing: the call is finished, real, and judged by its status word.
"""

from __future__ import annotations

Codes = tuple[int | None, int | None]

SUCCESS: Codes = (200, 200)
#: Planned, ringing, or waiting for its status.
GOING_ON = frozenset({1, 2, 707})
TEST = 790
#: Never really a call: blocked, served already, cancelled, bad number, widget off, balance, repeat.
TECHNICAL = frozenset({667, 668, *range(701, 707), 708, 709, 710, 718, 811, 812, 813, 814, 815})


def is_finished(codes: Codes) -> bool:
    """Return whether the outcome is known."""
    return not (codes[0] in GOING_ON and _nobody_joined(codes))


def is_test(codes: Codes) -> bool:
    """Return whether somebody only tried the widget."""
    return codes[0] == TEST and _nobody_joined(codes)


def is_technical(codes: Codes) -> bool:
    """Return whether the call was cancelled before anybody could miss it."""
    return codes[0] in TECHNICAL and _nobody_joined(codes)


def status_of(word: str, codes: Codes) -> str:
    """Return "success" or "fail" by CallKeeper's word, else by the codes; "" when neither says."""
    if word.lower() in {"success", "fail"}:
        return word.lower()
    if codes == (None, None):
        return ""
    return "success" if codes == SUCCESS else "fail"


def read_pair(text: str) -> Codes:
    """Return the codes of the older export's pair, "720/200"; nothing when it is not one."""
    first, _slash, second = text.partition("/")
    if first.isdecimal() and second.isdecimal() and len(text) <= 9:
        return int(first), int(second)
    return None, None


def _nobody_joined(codes: Codes) -> bool:
    return codes[1] in (0, None)
