"""Parses JSON that PostgreSQL can store, and serialises it canonically. Pure."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Any

import orjson

#: PostgreSQL's text has no NUL, and UTF-8 has no lone half of a surrogate pair.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ESCAPED_NUL = "\\u0000"
#: Nesting of lists and objects, the outermost counted. Far more than any record has, far less than
#: Python can serialise: json.loads reads deeper than json.dumps writes.
MAX_LEVELS = 100


class MalformedJson(ValueError):
    """The bytes are not JSON in UTF-8."""


class TooDeep(ValueError):
    """The value is nested deeper than MAX_LEVELS."""


class NotJson(ValueError):
    """A word that Python's parser takes for a number and that is not JSON: NaN, Infinity."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not JSON")
        self.name = name


def _refuse_constant(name: str) -> float:
    raise NotJson(name)


def _whole_or_text(written: str) -> int | str:
    try:
        return int(written)
    except ValueError:  # more digits than int() parses
        return written


def _float_or_text(written: str) -> float | str:
    number = float(written)
    return number if math.isfinite(number) else written


#: Standard JSON, without NaN and Infinity. A number of any length is JSON, so one that Python
#: cannot represent is kept as text: no call of the request must be lost for it.
STRICT_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_int=_whole_or_text, parse_float=_float_or_text
)


# Values of JSON hold no cycles.
_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
_CANONICAL = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)


def read_json(body: bytes) -> Any:
    """Return the value of a JSON text. Raises MalformedJson.

    `orjson` reads what it reads as Python does; Python's parser reads the rest, and says what is
    wrong.
    """
    value = _quickly_read(body)
    if value is not None:
        return value
    try:
        return STRICT_DECODER.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as problem:
        raise MalformedJson("not a JSON text in UTF-8") from problem


def _quickly_read(body: bytes) -> Any:
    """Return the value; None where `orjson` refuses the text, or may have rounded a number."""
    try:
        value = orjson.loads(body)
        return None if _has_float(value) else value
    except (orjson.JSONDecodeError, RecursionError):
        return None


def _has_float(value: Any) -> bool:
    """Whether a number is a float, as whole numbers beyond 64 bits are to `orjson`."""
    if type(value) not in _NESTED:
        return type(value) is float
    inner = value.values() if type(value) is dict else value
    kinds = set(map(type, inner))
    if float in kinds or kinds.isdisjoint(_NESTED):
        return float in kinds
    return any(_has_float(one) for one in inner if one and type(one) in _NESTED)


_NESTED = {dict, list}


def json_bytes(value: Any) -> bytes:
    """Return the value that `read_json` read as JSON in UTF-8, its numbers digit by digit."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # a whole number beyond 64 bits
        return _PLAIN.encode(value).encode()


def plain_canonical(value: dict[str, Any]) -> bytes | None:
    """Return what `canonical` returns, in UTF-8, of an object without floats and large numbers.

    None for one with a text that PostgreSQL refuses, at times also for another.
    """
    try:
        written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # a lone half of a surrogate pair
        return None
    return None if b"\\u0000" in written else written


def is_plainly_storable(value: dict[str, Any]) -> bool:
    """Whether `storable` returns the object as it is; false at times where it does."""
    written = plain_canonical(value)
    # Brackets in texts are counted as well; no more of them, no more levels.
    return written is not None and written.count(b"[") + written.count(b"{") <= MAX_LEVELS


def canonical(value: Any) -> str:
    """Return the canonical JSON of the value: sorted keys, no spaces."""
    return _CANONICAL.encode(value)


def canonical_list(values: Iterable[str | int]) -> str:
    """Return what `canonical` returns of a list of texts and whole numbers, but faster."""
    written = [encode_basestring(one) if isinstance(one, str) else str(one) for one in values]
    return f"[{','.join(written)}]"


def digest(text: str) -> str:
    """Return the SHA-256 of the text in hexadecimal."""
    return digest_bytes(text.encode())


def digest_bytes(body: bytes) -> str:
    """Return the SHA-256 of the bytes in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def storable(value: Any) -> Any:
    """Return the value without characters that PostgreSQL refuses. Raises TooDeep."""
    if _levels_exceed(value, MAX_LEVELS):
        raise TooDeep("nested too deep")
    return value if is_storable(canonical(value)) else _cleaned(value)


def is_storable(written: str) -> bool:
    """Whether PostgreSQL stores every text of a canonical JSON; false at times where it would."""
    return _ESCAPED_NUL not in written and UNSTORABLE.search(written) is None


def _levels_exceed(value: Any, limit: int) -> bool:
    """Whether lists and objects are nested deeper than the limit, without recursion."""
    level = [value]
    for _number in range(limit + 1):
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return False
        level = [inner for one in level for inner in _inside(one)]
    return True


def _inside(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def clean_text(text: str) -> str:
    """Return the text without characters that PostgreSQL refuses."""
    return UNSTORABLE.sub("", text)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if isinstance(value, dict):
        return {clean_text(key): _cleaned(one) for key, one in value.items()}
    return value
