"""Maps what other senders post to the fields of CallKeeper's v3 record. Pure: no models."""

from calls.mapping.applying import OutgoingCall, SpoiltValue, UnusableItem, apply, as_v3
from calls.mapping.field_mapping import Mapping
from calls.mapping.guessing import guess
from calls.mapping.our_fields import OUR_FIELDS, OurField
from calls.mapping.paths import flatten, value_at
from calls.mapping.preset import Preset
from calls.mapping.presets import PRESETS, matching_preset

__all__ = [
    "OUR_FIELDS",
    "PRESETS",
    "Mapping",
    "OurField",
    "OutgoingCall",
    "Preset",
    "SpoiltValue",
    "UnusableItem",
    "apply",
    "as_v3",
    "flatten",
    "guess",
    "matching_preset",
    "value_at",
]
