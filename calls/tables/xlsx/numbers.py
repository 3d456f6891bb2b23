"""Writes the numbers of cells as people see them: dates, times and plain numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum

#: Excel keeps fifteen digits of a number.
LARGEST_EXACT = 10**15
#: The last day of Excel, 9999-12-31.
MAX_DAY = 2_958_465
#: Workbooks of old Macs count from 1904.
DAYS_TO_1904 = 1462
#: Excel believes that 1900 was a leap year: days before its 29 February are one off.
_FALSE_LEAP_DAY = 60
_DAY = 86_400
_IGNORED = re.compile(r'"[^"]*"|\\.|[_*].|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_BUILT_IN_DATES = {14, 15, 16, 17, *range(27, 32), 34, 35, 36, *range(50, 59)}
_BUILT_IN_TIMES = {18, 19, 20, 21, 32, 33, 45, 47}


class Format(Enum):
    """What the number of a cell is shown as."""

    NUMBER = 1
    DATE = 2
    TIME = 3
    ELAPSED = 4
    #: A date with a time, which midnight is as well.
    MOMENT = 5


def format_of(number: int, code: str | None) -> Format:
    """Return the format by its built-in number or its code, such as `dd.mm.yyyy`."""
    if code is None:
        if number in _BUILT_IN_DATES:
            return Format.DATE
        if number == 46:
            return Format.ELAPSED
        if number == 22:
            return Format.MOMENT
        return Format.TIME if number in _BUILT_IN_TIMES else Format.NUMBER
    shown = _IGNORED.sub("", code.partition(";")[0]).lower()
    if _ELAPSED.search(shown):
        return Format.ELAPSED
    if "general" in shown:
        return Format.NUMBER
    has_time = re.search("[hsч]", shown) is not None
    if re.search("[ydгд]", shown):
        return Format.MOMENT if has_time else Format.DATE
    if has_time:
        return Format.TIME
    return Format.DATE if "m" in shown else Format.NUMBER


def text_of(written: str, shown: Format, *, is_1904: bool) -> str:
    """Return the number of a cell as text; one that is none stays as it is written."""
    try:
        number = Decimal(written)
    except InvalidOperation:
        return written
    if not number.is_finite():
        return written
    most = MAX_DAY - DAYS_TO_1904 if is_1904 else MAX_DAY
    if shown is not Format.NUMBER and 0 <= number < most:
        return _WRITERS[shown](number, is_1904)
    return plain_number(number, written)


def plain_number(number: Decimal, written: str) -> str:
    """Return 65 for 65.0, and 0.1 for 0.10000000000000001.

    A number of more than fifteen digits stays visible as one that Excel has rounded.
    """
    if abs(number) >= LARGEST_EXACT:
        return f"{number.normalize():E}" if "E" not in written.upper() else written
    if number == number.to_integral_value():
        return str(int(number))
    return f"{Decimal(repr(float(number))):f}"


def _seconds(number: Decimal) -> int:
    return round(number * _DAY)


def _date(number: Decimal, is_1904: bool) -> str:
    days, rest = divmod(_seconds(number), _DAY)
    if is_1904:
        days += DAYS_TO_1904
    elif days < 1:
        return _clock(rest)
    start = datetime(1899, 12, 31 if days < _FALSE_LEAP_DAY else 30)  # noqa: DTZ001 - no zone
    moment = start + timedelta(days=days, seconds=rest)
    return moment.isoformat(" ") if rest else moment.date().isoformat()


def _moment(number: Decimal, is_1904: bool) -> str:
    text = _date(number, is_1904)
    return text if ":" in text else f"{text} 00:00:00"


def _time(number: Decimal, is_1904: bool) -> str:
    return _date(number, is_1904) if _seconds(number) >= _DAY else _clock(_seconds(number))


def _elapsed(number: Decimal, _is_1904: bool) -> str:
    return _clock(_seconds(number))


def _clock(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"


_WRITERS: dict[Format, Callable[[Decimal, bool], str]] = {
    Format.DATE: _date,
    Format.TIME: _time,
    Format.ELAPSED: _elapsed,
    Format.MOMENT: _moment,
}
