"""Parses lengths of a call: seconds, or a time such as 0:45 or 00:01:05. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _

from calls.ingest.parsing.call_time import LONGEST_CALL
from calls.ingest.parsing.fields import MAX_COUNT, Item, Unusable, is_exponent, present
from calls.ingest.parsing.identifiers import shown

_SECOND = timedelta(seconds=1)
_NUMBER = re.compile(r"([0-9]{1,15})([.,][0-9]*)?")
#: Hours, minutes and seconds, or minutes and seconds.
_CLOCK = re.compile(r"(?:([0-9]{1,3}):(?=[0-5]?[0-9]:))?([0-9]{1,4}):([0-5]?[0-9])(?:[.,][0-9]*)?")


def read_seconds(item: Item, *names: str) -> int:
    """Return whole seconds, 0 when absent; a fraction is dropped. Raises Unusable."""
    plain = item.get(names[0])
    if type(plain) is int and 0 <= plain <= MAX_COUNT:
        return plain
    name, value = present(item, *names)
    if value == "":
        return 0
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds <= MAX_COUNT:
        raise Unusable("bad_number", name, _sentence(value))
    return seconds


def _seconds(value: Any) -> int | None:
    """Return the seconds of a number or a text; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    text = value.strip() if isinstance(value, str) else ""
    if number := _NUMBER.fullmatch(text):
        return int(number[1])
    if clock := _CLOCK.fullmatch(text):
        return (int(clock[1] or 0) * 60 + int(clock[2])) * 60 + int(clock[3])
    return None


def _sentence(value: Any) -> str:
    values = {"came": shown(value), "most": LONGEST_CALL // _SECOND}
    if isinstance(value, str) and is_exponent(value.strip()):
        sentence = _(
            "Пришло «%(came)s» — число с порядком (экспонентой): оно теряет цифры. Нужны "
            "секунды, целое число от 0 до %(most)d."
        )
    else:
        sentence = _(
            "Пришло «%(came)s»: нужны секунды, целое число от 0 до %(most)d, или время вида "
            "00:01:05."
        )
    return sentence % values
