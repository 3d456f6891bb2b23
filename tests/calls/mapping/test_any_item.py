"""Any JSON object can be mapped by any mapping: it is read or refused, and never an error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from calls.ingest.parsing.record import BadRecord, CallRecord, read_record
from calls.mapping import (
    OUR_FIELDS,
    PRESETS,
    Mapping,
    UnusableItem,
    apply,
    flatten,
    guess,
    matching_preset,
    value_at,
)

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
NAMES = st.sampled_from(
    ["a", "b.c", "id", "hook_event", "phone2", "date", "json", "start_time", "caller_id", ""]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(["27.11.2026 20:15", "31.02.2026 25:99", "1,7E+18", "out", '{"a": {"b": 1}}']),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
ITEMS = st.dictionaries(NAMES, VALUES, max_size=6)
FIELDS = st.dictionaries(st.sampled_from([one.name for one in OUR_FIELDS]), NAMES, max_size=8)


@settings(max_examples=200, deadline=None)
@given(item=ITEMS, fields=FIELDS, preset=st.sampled_from(["", "unknown", *PRESETS]))
def test_item_is_read_or_refused(item: dict[str, Any], fields: dict[str, str], preset: str) -> None:
    try:
        record = apply(Mapping(fields, preset), item)
    except UnusableItem:
        return
    read = read_record(record, source_id="src_1", zone=None, now=NOW)
    assert isinstance(read, CallRecord | BadRecord)


@settings(max_examples=100, deadline=None)
@given(item=ITEMS)
def test_paths_lead_to_their_values(item: dict[str, Any]) -> None:
    leaves = flatten(item)

    assert set(guess(leaves, leaves).fields.values()) <= leaves.keys()
    if preset := matching_preset(leaves):
        assert preset.mapping(leaves).preset == preset.key
    for path in leaves:
        value_at(item, path)  # a name with a dot may be met twice: no error, whichever is found
