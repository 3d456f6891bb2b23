"""The meaning of a pair of telephony codes, by CallKeeper's list of statuses.

https://github.com/yuferev/callkeeper/blob/master/documentation/telephony/callstatus.md
A call with unknown codes is finished and real; its status word decides.
"""

from __future__ import annotations

import re

Codes = tuple[int | None, int | None]

SUCCESS: Codes = (200, 200)
#: Planned, ringing, or waiting for its status.
UNFINISHED = frozenset({1, 2, 707})
TEST = 790
#: Not a real call: blocked, served already, cancelled, bad number, widget off, balance, repeat.
TECHNICAL = frozenset({667, 668, *range(701, 707), 708, 709, 710, 718, 811, 812, 813, 814, 815})

_SIGNS = re.compile(r"[\W_]+")
#: CallKeeper's own words.
OWN_WORDS = frozenset({"success", "fail"})
#: Words of other senders, without signs, in lower case and with «е» for «ё».
SUCCESS_WORDS = frozenset(
    {
        *("успешный", "успешно", "успешен", "успех", "отвечен", "отвеченный", "отвечено"),
        *("принят", "принятый", "принято", "состоялся", "ok", "successful", "answered", "answer"),
        *("accepted", "completed"),
    }
)
FAIL_WORDS = frozenset(
    {
        *("неуспешный", "неуспешно", "неуспешен", "не успешный", "не успешно", "неудачный"),
        *("пропущен", "пропущенный", "пропущено", "не отвечен", "неотвечен", "неотвеченный"),
        *("не отвечено", "нет ответа", "без ответа", "не принят", "непринятый", "занято", "занят"),
        *("не состоялся", "failed", "failure", "missed", "no answer", "noanswer", "not answered"),
        *("unanswered", "busy", "rejected", "abandoned", "unsuccessful"),
    }
)


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
    """Return "success" or "fail", "" when nothing tells it.

    CallKeeper's own word goes first, then the codes, then the words of other senders.
    """
    named = word if word in OWN_WORDS else _plain(word)
    if named in OWN_WORDS:
        return named
    if codes != (None, None):
        return "success" if codes == SUCCESS else "fail"
    if named in SUCCESS_WORDS:
        return "success"
    return "fail" if named in FAIL_WORDS else ""


def _plain(word: str) -> str:
    return _SIGNS.sub(" ", word.lower().replace("ё", "е")).strip()


def read_pair(text: str) -> Codes:
    """Return the codes of a pair such as "720/200" (older export), else (None, None)."""
    first, _slash, second = text.partition("/")
    if first.isdecimal() and second.isdecimal() and len(text) <= 9:
        return int(first), int(second)
    return None, None


def _has_no_second_code(codes: Codes) -> bool:
    return codes[1] in (0, None)
