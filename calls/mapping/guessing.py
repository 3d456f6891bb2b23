"""Guesses a mapping by the well-known names of fields and by what came in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as AnyMapping
from typing import Any

from calls.mapping.field_mapping import Mapping
from calls.mapping.our_fields import OUR_FIELDS, REQUIRED, OurField, plain_name

_DIGIT = re.compile("[0-9]")
_TIME = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d{9,19}")
#: Names that also mean something else; the identifier of Metrika has so many digits.
_AMBIGUOUS_CLIENT_ID, _CLIENT_ID = "clientid", re.compile(r"\d{15,20}")


def guess(paths: Iterable[str], samples: AnyMapping[str, Any] | None = None) -> Mapping:
    """Return a mapping of the paths whose names are well known; each path is used once.

    ``samples``: path → value that came. A value that cannot be what its name says is not used.
    """
    known = _by_name(paths)
    samples = samples or {}
    fields: dict[str, str] = {}
    for ours in OUR_FIELDS:
        for path in _candidates(ours, known):
            if path not in fields.values() and _fits(ours, path, samples.get(path)):
                fields[ours.name] = path
                break
    return Mapping(fields)


def is_enough(mapping: Mapping) -> bool:
    """Whether the mapping has the fields without which no record is a call."""
    return all(name in mapping.fields for name in REQUIRED)


def _by_name(paths: Iterable[str]) -> dict[str, list[str]]:
    """Return plain name → paths that have it, whole or as their last part; short paths first."""
    known: dict[str, list[str]] = {}
    for path in sorted(paths, key=lambda one: one.count(".")):
        for name in dict.fromkeys((plain_name(path), plain_name(path.rpartition(".")[2]))):
            known.setdefault(name, []).append(path)
    return known


def _candidates(ours: OurField, known: dict[str, list[str]]) -> Iterable[str]:
    for name in ours.names:
        yield from known.get(name, ())


def _fits(ours: OurField, path: str, sample: Any) -> bool:
    text = "" if sample is None else str(sample).strip()
    if ours.name == "yaClid" and plain_name(path.rpartition(".")[2]) == _AMBIGUOUS_CLIENT_ID:
        return _CLIENT_ID.fullmatch(text) is not None
    shape = _SHAPES.get(ours.name)
    return not text or shape is None or shape(text)


def _is_phone(text: str) -> bool:
    return len(_DIGIT.findall(text)) >= 5 and "://" not in text


_SHAPES: dict[str, Callable[[str], bool]] = {
    "callTime": lambda text: _TIME.match(text) is not None,
    "callTimeOfDay": lambda text: re.match(r"\d{1,2}:\d{2}", text) is not None,
    "clientNumber": _is_phone,
    "managerNumber": _is_phone,
    "routePhone": _is_phone,
    "duration": lambda text: _DIGIT.match(text) is not None,
    "holdDuration": lambda text: _DIGIT.match(text) is not None,
}
