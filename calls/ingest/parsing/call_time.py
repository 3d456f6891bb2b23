"""Parses the start of a call and checks its length; zones and units are never guessed. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from calls.ingest.parsing.fields import Item, Unusable, present

FIELD = "callTime"
#: The name in the v3 API, then that of the older export.
FIELDS = (FIELD, "timeStart")
#: How far a sender's clock may be ahead of ours.
CLOCK_TOLERANCE = timedelta(minutes=5)
#: An earlier time is a placeholder or a mistake of units.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: Later than this many Unix seconds, in the year 5138, is a time in milliseconds or finer.
FIRST_MILLISECONDS = 100_000_000_000
#: Milliseconds, microseconds and nanoseconds of a second.
FINER_UNITS = (1000, 1_000_000, 1_000_000_000)
#: Characters of a value that a message quotes.
MAX_QUOTED = 64
#: A longer call is a mistake of units.
LONGEST_CALL = timedelta(days=1)
#: "2026-11-23T10:20" is the shortest text with a date and a time.
SHORTEST = len("2026-11-23T10:20")


def read_start(item: Item, *, zone: ZoneInfo | None, now: datetime) -> datetime:
    """Return the start of the call in UTC. Raises Unusable.

    Unix seconds and ISO 8601 with an offset are unambiguous. A local time without an offset is read
    in ``zone``, the declared zone of the source, and refused when it declares none. An hour that
    a clock change repeats is read as the first one, a skipped hour with the offset before the
    change (PEP 495, fold=0).
    """
    value = item.get(FIELD)
    if _is_plain_iso(value):
        start = _parse_iso(value, zone)
    else:
        _name, value = present(item, *FIELDS)
        start = _parse(value, zone)
    if start < EARLIEST:
        raise Unusable("bad_time", FIELD, _("Время начала раньше 2000 года."))
    if start > now + CLOCK_TOLERANCE:
        sentence = _("Звонок начинается в будущем: callTime %(value)s — это %(start)s UTC.")
        values = {"value": str(value)[:MAX_QUOTED], "start": f"{start:%Y-%m-%d %H:%M:%S}"}
        raise Unusable("starts_in_future", FIELD, sentence % values)
    return start


def _is_plain_iso(value: Any) -> bool:
    """Whether it is a text that begins as ISO 8601 with a date, and so is no number."""
    is_long = type(value) is str and len(value) >= SHORTEST
    return is_long and value[4] == "-" and value[0].isdigit()


def _parse(value: Any, zone: ZoneInfo | None) -> datetime:
    if value in ("", 0, "0"):
        raise Unusable("missing_field", FIELD, _("Нет времени начала звонка."))
    start = _parse_unix(value)
    return _parse_iso(value, zone) if start is None else start


def is_over(start: datetime, seconds: int, *, now: datetime) -> bool:
    """Whether `check_end` raises nothing; a call without a length ends where it starts."""
    if not seconds:  # the start is checked already
        return True
    length = timedelta(seconds=seconds)
    return length <= LONGEST_CALL and start + length <= now + CLOCK_TOLERANCE


def check_end(start: datetime, seconds: int, *, field: str, now: datetime) -> None:
    """Raise Unusable for a length in ``seconds`` that no call has, or that is not over yet."""
    length = timedelta(seconds=seconds)
    values = {"seconds": seconds, "most": LONGEST_CALL // timedelta(seconds=1)}
    if length > LONGEST_CALL:
        sentence = _("Звонок не длится %(seconds)d с: нужны секунды, не больше %(most)d.")
        raise Unusable("too_long", field, f"{sentence % values} {_not_milliseconds()}")
    if start + length > now + CLOCK_TOLERANCE:
        sentence = _("Звонок длиной %(seconds)d с заканчивается в будущем.")
        raise Unusable("ends_in_future", field, f"{sentence % values} {_not_milliseconds()}")


def _not_milliseconds() -> str:
    return _("Если это миллисекунды, разделите их на 1000.")


def _parse_unix(value: Any) -> datetime | None:
    """Return the time given in Unix seconds, None when the value is not a number."""
    is_digits = isinstance(value, str) and value.strip().isdecimal()
    if isinstance(value, bool) or not (is_digits or isinstance(value, int | float)):
        return None
    try:  # the text may be longer than int() reads
        seconds = int(value) if is_digits else value
        if seconds >= FIRST_MILLISECONDS:
            raise _in_milliseconds(seconds)
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, OSError, ValueError):
        raise _unreadable() from None


def _parse_iso(value: Any, zone: ZoneInfo | None) -> datetime:
    text = value.strip() if isinstance(value, str) else ""
    if len(text) < SHORTEST:
        raise _unreadable()
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        if zone is not None:
            return moment.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unreadable() from None
    raise Unusable(
        "time_without_zone",
        FIELD,
        _("Время без смещения, а у источника не указан часовой пояс."),
    )


def _in_milliseconds(value: float) -> Unusable:
    sentence = _(
        "Время %(value).0f — не секунды Unix: их сейчас десять цифр. Разделите на %(units)d."
    )
    fitting = (units for units in FINER_UNITS if value / units < FIRST_MILLISECONDS)
    units = next(fitting, FINER_UNITS[0])
    return Unusable("time_in_milliseconds", FIELD, sentence % {"value": value, "units": units})


def _unreadable() -> Unusable:
    return Unusable(
        "bad_time",
        FIELD,
        _("Время не прочитано: нужны секунды Unix или ISO 8601 со смещением."),
    )
