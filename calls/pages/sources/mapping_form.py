"""What a person chose on the mapping page: our field → path of the sender's value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import QueryDict

from calls.mapping import OUR_FIELDS, PRESETS, Mapping, guess, matching_preset
from calls.mapping.field_mapping import usable_fields
from calls.mapping.our_fields import BY_NAME, REQUIRED
from calls.models import SourceMapping

#: Names of the selects; a field of the request itself may be called the same as ours.
PREFIX = "field-"
#: The page was sent with its selects, so an empty one means that nothing is chosen.
CHOSEN = "chosen"
#: Fields that are seldom mapped are folded, unless one of them is.
MAIN = frozenset(
    {
        *("callTime", "clientNumber", "universalId", "duration", "status", "site", "yaClid"),
        *("yclid", "callPage", "callType", "tags"),
    }
)


def chosen_mapping(data: QueryDict) -> Mapping:
    """Return the mapping that the selects say."""
    came = {one.name: data.get(f"{PREFIX}{one.name}", "").strip() for one in OUR_FIELDS}
    preset = data.get("preset", "")
    return Mapping(usable_fields(came), preset if preset in PRESETS else "")


def shown_mapping(
    data: QueryDict, stored: SourceMapping | None, samples: dict[str, Any]
) -> tuple[Mapping, frozenset[str]]:
    """Return the mapping to show, and which of its fields are guessed.

    What the person chose goes first, then a ready mapping they asked for, then the saved one, then
    the ready one that fits, then a guess by well-known names.
    """
    if CHOSEN in data:
        return chosen_mapping(data), frozenset()
    if asked := PRESETS.get(data.get("ready", "")):
        return asked.mapping(samples), frozenset()
    if stored:
        return Mapping(usable_fields(stored.fields), stored.preset), frozenset()
    preset = matching_preset(samples)
    found = preset.mapping(samples) if preset else guess(samples, samples)
    return found, frozenset(found.fields)


def missing_labels(mapping: Mapping) -> list[str]:
    """Return the labels of the fields without which nothing can be saved, and that are empty."""
    return [str(BY_NAME[name].label) for name in REQUIRED if name not in mapping.fields]


def field_rows(
    mapping: Mapping, guessed: Iterable[str], samples: dict[str, str]
) -> list[dict[str, Any]]:
    """Return a row for every field of ours with the paths to choose from.

    ``samples``: path → value that came, as the person may see it.
    """
    marked = frozenset(guessed)
    return [
        {
            "name": f"{PREFIX}{one.name}",
            "id": f"id_{PREFIX}{one.name}",
            "field": one.name,
            "label": one.label,
            "path": mapping.fields.get(one.name, ""),
            "is_guessed": one.name in marked,
            "is_main": one.name in MAIN,
            "options": _options(mapping.fields.get(one.name, ""), samples),
        }
        for one in OUR_FIELDS
    ]


def _options(path: str, samples: dict[str, str]) -> list[dict[str, str]]:
    paths = [*samples, *([path] if path and path not in samples else [])]
    return [{"path": one, "sample": samples.get(one, "")} for one in paths]
