"""Reads the lists of a record in every shape that senders produce. Pure.

A list, an object that PHP wrote instead of a list with gaps ({"0": …, "2": …}), a map from ids to
names, either of them as a JSON text, or a text with commas, semicolons or lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from calls.ingest.parsing.fields import ABSENT_TEXTS, as_text, read_key
from calls.ingest.parsing.json_values import STRICT_DECODER, TooDeep, storable

MAX_TAGS = 50
#: Tags are looked for among so many items: senders repeat them, but not so often.
MAX_ITEMS = 1000
MAX_TAG_LENGTH = 255
#: Fields of an object that hold the tag, in order of preference; case and underscores are ignored.
NAME_FIELDS = ("name", "title", "label", "value", "tag", "tagname", "text")
#: Fields of an object that hold the id of an attempt.
KEY_FIELDS = ("cbCallId", "id")
#: Words that senders write instead of nothing.
ABSENT_TAGS = ABSENT_TEXTS | {"null", "undefined"}
#: Values of a map that say yes or no, so that its names are no ids.
_YES = frozenset({"true", "yes", "да", "on"})
_ANSWERS = _YES | {"false", "no", "нет", "off"}
#: Longer names of an object are no indices.
MAX_INDEX_LENGTH = 18
_SEPARATORS = re.compile(r"[,;\n]")
#: A list as Python prints it.
_PRINTED_LIST = re.compile(r"\[\s*'[^']*'(?:\s*,\s*'[^']*')*\s*\]")
_PRINTED_TEXT = re.compile(r"'([^']*)'")
#: How often a JSON text may be a text again.
_MAX_TEXTS = 3


def read_tags(value: Any) -> list[str]:
    """Return the tags without empty ones and repeats, in order.

    A tag is cut to MAX_TAG_LENGTH characters; those beyond MAX_TAGS are left out.
    """
    if not value and type(value) in _EMPTY:
        return []
    if type(value) is list and len(value) <= MAX_TAGS and not set(map(type, value)) - {str}:
        return list(_remembered_tags(tuple(value)))
    return _read_tags(value)


@lru_cache(maxsize=2048)
def _remembered_tags(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tags of a list of texts: the same ones come with many calls."""
    return tuple(_read_tags(list(texts)))


_EMPTY = {type(None), list, str}


def _read_tags(value: Any) -> list[str]:
    texts = (tag[:MAX_TAG_LENGTH] for tag in islice(_tags(value), MAX_ITEMS))
    tags = dict.fromkeys(text for text in texts if text not in ABSENT_TAGS)
    return list(tags)[:MAX_TAGS]


def read_keys(value: Any) -> list[int]:
    """Return the usable numbers of a list of ids of calls."""
    return [key for part in _items(value) if (key := _key(part)) is not None]


def as_list(value: Any) -> Any:
    """Return the items of an object that PHP wrote instead of a list; any other value as it is."""
    if isinstance(value, dict) and value and all(map(is_index, value)):
        return [value[name] for name in sorted(value, key=int)]
    return value


def is_index(name: str) -> bool:
    """Whether a name of an object is an index of a list."""
    return name.isascii() and name.isdigit() and len(name) <= MAX_INDEX_LENGTH


def _tags(value: Any) -> Iterator[str]:
    for one in _items(value):
        content = as_list(decoded(one))
        if isinstance(content, list):
            yield from map(_tag, content)
        else:
            yield _tag(content)


def _names_of(members: dict[str, Any]) -> list[Any]:
    """Return the one tag of an object that has a name, else the names of a map.

    A map leads from ids to names, or from names to ids or answers.
    """
    if _tag(members):
        return [members]
    ordered = sorted(members.items())
    named = [one for _name, one in ordered if not _is_mark(one)]
    return named or [name for name, one in ordered if _is_yes(one)]


def _is_mark(value: Any) -> bool:
    """Whether the value is an id, an answer or nothing, and so no name of a tag."""
    if isinstance(value, list):
        return not value
    text = _tag(value)
    return not text or text.isdigit() or text.lower() in _ANSWERS


def _is_yes(value: Any) -> bool:
    text = _tag(value).lower()
    return value is True or text in _YES or (text.isdigit() and text.strip("0") != "")


def _tag(value: Any) -> str:
    """Return the tag of a text, a number, or an object with a name, itself also such an object."""
    if isinstance(value, dict):
        members = {name.lower().replace("_", ""): one for name, one in sorted(value.items())}
        names = (_tag(members.get(field)) for field in NAME_FIELDS)
        return next((name for name in names if name not in ABSENT_TAGS), "")
    return as_text(value)


def _key(value: Any) -> int | None:
    """Return the id of an attempt: a number, or an object with one."""
    if isinstance(value, dict):
        return next(filter(None, (read_key(value.get(field)) for field in KEY_FIELDS)), None)
    return read_key(value)


def _items(value: Any) -> list[Any]:
    """Return the items of the list; 0 means an empty list."""
    content = as_list(decoded(value))
    if isinstance(content, list):
        return content
    if isinstance(content, dict):
        return _names_of(content)
    text = as_text(content)
    return [] if text == "0" else _SEPARATORS.split(text)


def decoded(value: Any) -> Any:
    """Return what a JSON text or a printed list says; any other value as it is."""
    for _time in range(_MAX_TEXTS):
        if not isinstance(value, str) or not value.strip().startswith(("[", "{", '"')):
            break
        if _PRINTED_LIST.fullmatch(value.strip()):
            return _PRINTED_TEXT.findall(value)
        try:
            value = storable(STRICT_DECODER.decode(value.strip()))
        except (ValueError, RecursionError, TooDeep):
            break
    return value
