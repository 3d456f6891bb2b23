"""Reads a visitor's identifier from a record: the value, or the text that could not be read. Pure.

What is unambiguous is read: quotes, spaces, invisible characters, a cookie's name in front, ".0",
the same identifier several times. Nothing is guessed: two identifiers, in one field or in two, an
exponent or a number that went through a float are unreadable. A template that was not filled is
absent, like an empty text.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote

from calls.ingest.parsing.content_hash import normalised
from calls.ingest.parsing.fields import MAX_EXACT_FLOAT, Item, is_digits, read_uint64

#: Longer texts that could not be read are cut: they are kept to be shown.
MAX_SHOWN = 100
MAX_USER_ID = 255
#: No identifier is written with so many characters; the patterns below see no longer text.
MAX_TEXT = 1024
#: A longer list is no identifier of one visitor.
MAX_ITEMS = 50
#: Digits of the largest unsigned 64-bit number, and those that a float has at most.
MAX_DIGITS = 20
FLOAT_DIGITS = 17
#: Words that senders write instead of nothing.
ABSENT_WORDS = frozenset(
    {
        *("", "0", "-", "--", "—", "undefined", "null", "none", "nil", "nan", "false"),
        *("n/a", "#n/a", "#н/д", "not set", "(not set)", "(none)", "unknown", "нет"),
    }
)
#: A name in the marks of a template, which was not filled; what begins with a digit is no name.
_NAME = r"\s*(?:[$@%]?[^\W\d][\w.|:$ -]*%?)?\s*"
_TEMPLATE = re.compile(
    rf"[$#@]?\{{{{1,3}}{_NAME}\}}{{1,3}}|\[\[{_NAME}\]\]|%{{1,2}}{_NAME}%{{1,2}}|<{_NAME}>"
)
_TEMPLATE_SIGNS = frozenset("$#@{[%<")
_QUOTES = "\"'`«»“”„‘’\\"
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_WITH_FRACTION = re.compile(r"([0-9]+)[.,]0+")
#: Thousands apart, as spreadsheets format numbers.
_GROUPED = re.compile(r"[0-9]{1,3}( [0-9]{3}){3,6}")
_SEPARATORS = re.compile(r"[\s,;|&]+")
_NAMED = re.compile(r"(?<![\w-])([A-Za-z_][\w-]*)[\"'\s]*[:=]\s*")
#: Invisible characters: controls, format characters such as a byte order mark, unusual spaces.
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Identifier:
    """A read identifier, or the text that came and could not be read; both empty when absent."""

    value: str = ""
    unreadable: str = ""


#: Nothing came.
ABSENT = Identifier()


@dataclass(frozen=True, slots=True)
class NumberField:
    """An identifier that is an unsigned 64-bit number at Yandex.

    ``fields`` of a record are tried in order; ``names`` may stand in front of the number.
    """

    fields: tuple[str, ...]
    names: frozenset[str]


CLIENT_ID = NumberField(
    fields=("yaClid", "ya_clientid"),
    names=frozenset(
        {"_ym_uid", "ym_uid", "yaclid", "ya_clid", "clientid", "client_id", "ya_clientid"}
    ),
)
CLICK_ID = NumberField(fields=("yclid",), names=frozenset({"yclid", "_yclid", "ym_yclid"}))
USER_ID_FIELDS = ("userId", "user_id")


def read_number(item: Item, field: NumberField) -> Identifier:
    """Return the identifier on which the fields agree."""
    read = partial(_number, names=field.names)
    return agreed(_read_value(item.get(name), read) for name in field.fields)


def plain_number(item: Item, field: NumberField) -> str | None:
    """Return the value that `read_number` reads when one field has digits or none has anything.

    None for any other record.
    """
    found = ""
    for name in field.fields:
        value = item.get(name)
        if value is None or value == "":
            continue
        if found or type(value) is not str or not _is_plain_number(value):
            return None
        found = value
    return found


def _is_plain_number(text: str) -> bool:
    """Whether it is a number above zero of fewer digits than the largest of 64 bits."""
    return len(text) < MAX_DIGITS and is_digits(text) and text.strip("0") != ""


def has_no_user_id(item: Item) -> bool:
    """Whether `read_user_id` finds nothing, and nothing has to be read for it."""
    return not any(map(item.get, USER_ID_FIELDS))


def read_user_id(item: Item) -> Identifier:
    """Return the site's own identifier of the visitor: any text of one line, 255 characters."""
    return agreed(_read_value(item.get(name), _user_id) for name in USER_ID_FIELDS)


def agreed(found: Iterable[Identifier]) -> Identifier:
    """Return the only readable identifier, else the first unreadable one, else the absent one.

    Two different readable ones are unreadable, both quoted: none of them is guessed.
    """
    came = [one for one in found if one.value or one.unreadable]
    if len(came) < 2:
        return came[0] if came else ABSENT
    values = list(dict.fromkeys(one.value for one in came if one.value))
    if len(values) > 1:
        return Identifier(unreadable=", ".join(values)[:MAX_SHOWN])
    return Identifier(value=values[0]) if values else came[0]


def _number(value: Any, names: frozenset[str]) -> Identifier:
    text = _scalar(value)
    if text is None or len(text) > MAX_TEXT:
        return Identifier(unreadable=shown(value))
    if text.isascii() and text.isdigit() and text.strip("0"):  # as nearly all come
        return Identifier(value=text) if read_uint64(text) else Identifier(unreadable=shown(value))
    if not text or is_absent(_clean(text)):
        return ABSENT
    candidates = _candidates(_unescaped(text), names)
    if not candidates:
        return ABSENT
    read = read_uint64(candidates.pop()) if len(candidates) == 1 else ""
    return Identifier(value=read) if read else Identifier(unreadable=shown(value))


def _read_value(value: Any, read: Callable[[Any], Identifier]) -> Identifier:
    """Return the identifier of a value, or of a list whose items agree on one."""
    if not isinstance(value, list):
        return read(value)
    if len(value) > MAX_ITEMS:
        return Identifier(unreadable=shown(value[:MAX_ITEMS]))
    found = agreed(map(read, value))
    return Identifier(unreadable=shown(value)) if found.unreadable else found


def _candidates(text: str, names: frozenset[str]) -> set[str]:
    """Return the different identifiers that the text holds; one when it is unambiguous."""
    spaced = _spaced(text)
    if _GROUPED.fullmatch(spaced):
        return {spaced.replace(" ", "")}
    if whole := _WITH_FRACTION.fullmatch(spaced):
        return {_exact(whole[1], spaced)} if whole[1].strip("0") else set()
    named = _NAMED.sub(lambda found: f"{found[1]}=", spaced)
    parts = [bare for part in _SEPARATORS.split(named) if (bare := part.strip(_QUOTES))]
    ours = [part for part in parts if part.partition("=")[0].lower() in names and "=" in part]
    bare = [part for part in parts if "=" not in part]
    # Beside an identifier the other named parts are other cookies.
    kept = bare if ours or bare else parts
    read = {_part(part.partition("=")[2]) for part in ours} | {_part(part) for part in kept}
    return read - {""}


def _part(text: str) -> str:
    """Return one part without quotes, "" for a placeholder."""
    bare = text.strip(_QUOTES)
    if bare.startswith("="):
        bare = bare[1:].strip(_QUOTES)
    if is_absent(bare) or not bare.strip("0"):
        return ""
    whole = _WITH_FRACTION.fullmatch(bare)
    return _exact(whole[1], bare) if whole else bare


def _exact(digits: str, written: str) -> str:
    """Return the digits; ``written``, which is unreadable, where a float may have rounded them."""
    if int(digits) < MAX_EXACT_FLOAT or len(digits) > MAX_DIGITS:
        return digits
    is_short = len(digits.rstrip("0")) <= FLOAT_DIGITS
    return written if is_short or int(float(digits)) == int(digits) else digits


def _user_id(value: Any) -> Identifier:
    text = _scalar(value)
    if text is None:
        return Identifier(unreadable=shown(value))
    if not text:
        return ABSENT
    bare = _trimmed(text)
    if len(bare) > MAX_TEXT:
        return Identifier(unreadable=shown(text))
    if is_absent(bare):
        return ABSENT
    is_one_line = not any(unicodedata.category(sign) == "Cc" for sign in bare)
    if is_one_line and len(bare) <= MAX_USER_ID:
        return Identifier(value=bare)
    return Identifier(unreadable=shown(text))


def _scalar(value: Any) -> str | None:
    """Return a text or an exact whole number as text; None for what is neither."""
    if value is None or value is False or value == {} or value == []:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        is_exact = value.is_integer() and abs(value) < MAX_EXACT_FLOAT
        return str(int(value)) if is_exact else None
    return str(value) if isinstance(value, int) and value is not True else None


def is_absent(text: str) -> bool:
    """Whether the text means nothing: a word such as null, or a template that was not filled."""
    bare = text.strip()
    is_template = bare[:1] in _TEMPLATE_SIGNS and _TEMPLATE.fullmatch(bare) is not None
    return is_template or bare.lower() in ABSENT_WORDS


def _clean(text: str) -> str:
    return _spaced(_unescaped(text)).strip(_QUOTES + " ")


def _unescaped(text: str) -> str:
    plain = html.unescape(text) if "&" in text else text
    return unquote(plain) if _ESCAPED.search(plain) else plain


def _spaced(text: str) -> str:
    """Return the text with invisible characters removed and every space a plain one, trimmed."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    plain = "".join(
        " " if sign.isspace() else sign
        for sign in text
        if sign.isspace() or unicodedata.category(sign) not in _INVISIBLE
    )
    return " ".join(plain.split())


def _trimmed(text: str) -> str:
    """Return the text without invisible characters at its ends."""
    start, end = 0, len(text)
    while start < end and unicodedata.category(text[start]) in _INVISIBLE:
        start += 1
    while end > start and unicodedata.category(text[end - 1]) in _INVISIBLE:
        end -= 1
    return text[start:end]


def shown(value: Any) -> str:
    """Return the value as it came, in one line, to be quoted.

    Values of one content hash are shown alike, as they are read alike.
    """
    content = normalised(value)
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return _spaced(text[:MAX_TEXT])[:MAX_SHOWN]
