"""All ready mappings, and the one that fits an item. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from calls.mapping.callkeeper_presets import CALLKEEPER_PRESETS
from calls.mapping.preset import Preset
from calls.mapping.vendor_presets import VENDOR_PRESETS

PRESETS = {one.key: one for one in (*CALLKEEPER_PRESETS, *VENDOR_PRESETS)}


def matching_preset(paths: Iterable[str]) -> Preset | None:
    """Return the first ready mapping whose shape the paths have."""
    known = tuple(paths)
    return next((one for one in PRESETS.values() if one.matches(known)), None)
