"""The mapping of a source: the saved one, else the ready one that fits what came.

Every way in whose records have other names than those of the v3 API reads through `read_mapped`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from cabinets.models import CallSource
from calls.ingest.parsing.record import BadRecord, CallRecord, read_record
from calls.mapping import Mapping, UnusableItem, apply, as_v3, flatten, matching_preset, value_at
from calls.mapping.field_mapping import usable_fields
from calls.models import SourceMapping

Read = CallRecord | BadRecord
Reader = Callable[[Sequence[Any], datetime], list[Read]]
Choice = Callable[[dict[str, Any]], Mapping | None]
#: Shapes of items that are remembered while one batch is read.
MAX_SHAPES = 256


class StaleMapping(Exception):
    """Somebody else has saved the mapping since the page was opened."""


def saved_mapping(source: CallSource) -> SourceMapping | None:
    """Return the mapping that a person saved for the source."""
    return SourceMapping.objects.filter(source=source).first()


def mapping_for(source: CallSource, sample_item: dict[str, Any]) -> Mapping | None:
    """Return the mapping for an item; None when its names are those of the v3 API or unknown.

    A saved mapping that finds no start of the call in the item does not fit it: a source may get
    requests of two shapes.
    """
    return _choice(source)(sample_item)


def read_mapped(
    items: Sequence[Any], source: CallSource, now: datetime, *, mapping: Mapping | None = None
) -> list[Read]:
    """Parse each item, mapped to a v3 record first; a rejected one keeps the item as it came.

    ``mapping``: used for every item instead of the one of the source.
    """
    choose = _choice(source) if mapping is None else _always(mapping)
    read = _reader(source, choose)
    return [read(item, now) for item in items]


def source_reader(source: CallSource, mapping: Mapping | None) -> Reader:
    """Return what parses items of the source by the mapping, without the database.

    Without a mapping the items have the names of the parser.
    """
    read = _reader(source, _always(mapping))

    def read_all(items: Sequence[Any], now: datetime) -> list[Read]:
        return [read(item, now) for item in items]

    return read_all


@transaction.atomic
def save_mapping(
    source: CallSource,
    *,
    fields: dict[str, str],
    preset: str,
    version: int,
    actor: User,
    now: datetime,
) -> SourceMapping:
    """Store the mapping; one that is stored already is left. Raises StaleMapping.

    ``version``: that of the mapping the page showed, 0 for none.
    """
    CallSource.objects.select_for_update().get(pk=source.pk)
    stored = saved_mapping(source)
    wanted = {"fields": usable_fields(fields), "preset": preset}
    before = {"fields": stored.fields, "preset": stored.preset} if stored else {}
    if stored and before == wanted:
        return stored
    if version != (stored.version if stored else 0):
        raise StaleMapping
    values = {**wanted, "version": version + 1, "saved_at": now, "saved_by": actor}
    saved, _is_new = SourceMapping.objects.update_or_create(source=source, defaults=values)
    audit.log_change(
        cabinet=source.cabinet,
        actor=actor,
        action="source.mapping_saved",
        subject=source,
        before=before,
        after=wanted,
    )
    return saved


def _choice(source: CallSource) -> Choice:
    """Return what chooses the mapping of an item, with one query for all of them."""
    stored = saved_mapping(source)
    saved = Mapping(usable_fields(stored.fields), stored.preset) if stored else Mapping()
    remembered: dict[tuple[str, ...], Mapping | None] = {}

    def choose(item: dict[str, Any]) -> Mapping | None:
        if saved and value_at(item, saved.fields.get("callTime", "")) is not None:
            return saved
        shape = _shape(item)
        if shape not in remembered:
            if len(remembered) >= MAX_SHAPES:
                remembered.clear()
            remembered[shape] = _ready(shape, saved or None)
        return remembered[shape]

    return choose


def _shape(item: dict[str, Any]) -> tuple[str, ...]:
    is_nested = any(isinstance(one, dict | list | str) and _opens(one) for one in item.values())
    return tuple(flatten(item)) if is_nested else tuple(item)


def _opens(value: dict[str, Any] | list[Any] | str) -> bool:
    """Whether the value may have values inside."""
    return not isinstance(value, str) or value.lstrip().startswith("{")


def _ready(paths: tuple[str, ...], otherwise: Mapping | None) -> Mapping | None:
    """Return the ready mapping that fits, None for a native one; ``otherwise`` when none fits."""
    preset = matching_preset(paths)
    if preset is None:
        return otherwise
    return None if preset.is_native else preset.mapping(paths)


def _always(mapping: Mapping | None) -> Choice:
    return lambda item: mapping


def _v3_record(item: Any, mapping: Mapping | None) -> Any:
    """Return the v3 record of an item, or the BadRecord that says why it has none.

    Without a mapping its names are those of the parser. What is no object stays as it is.
    """
    if not isinstance(item, dict):
        return item
    try:
        return as_v3(item) if mapping is None else apply(mapping, item)
    except UnusableItem as problem:
        return BadRecord(problem.code, problem.field, problem.message, raw=item)


def _reader(source: CallSource, choose: Choice) -> Callable[[Any, datetime], Read]:
    """Return what parses one item; a rejected record keeps the item as it came."""
    zone = ZoneInfo(source.time_zone) if source.time_zone else None
    public_id, region = source.public_id, source.region

    def read(item: Any, now: datetime) -> Read:
        record = _v3_record(item, choose(item) if isinstance(item, dict) else None)
        if isinstance(record, BadRecord):
            return record
        done = read_record(record, source_id=public_id, zone=zone, now=now, region=region)
        return replace(done, raw=item) if isinstance(done, BadRecord) else done

    return read
