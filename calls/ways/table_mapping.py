"""Reads the rows of a file by a mapping: the given or saved one, a ready one, or a guess."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from cabinets.models import CallSource
from calls.ingest.parsing.file_format import UnreadableListing
from calls.ingest.parsing.record import BadRecord, read_record, read_records
from calls.mapping.field_mapping import Mapping, usable_fields
from calls.mapping.guessing import guess, is_enough
from calls.mapping.paths import flatten, value_at
from calls.mapping.presets import matching_preset
from calls.models import SourceMapping
from calls.tables.table import Table
from calls.ways.import_steps import Reader, Record
from calls.ways.saved_mapping import keeping, v3_record

#: Rows that are looked at for the first one that is usable.
SAMPLES = 100


def mapping_of(table: Table, source: CallSource) -> Mapping | None:
    """Return the mapping of the file's rows, None when they have the names of the v3 API.

    Raises UnreadableListing when a table does not tell which columns are the call's.
    """
    sample = next(_samples(table), None)
    if sample is None:
        return None
    saved = SourceMapping.objects.filter(source=source).first()
    if saved and value_at(sample, usable_fields(saved.fields).get("callTime", "")) is not None:
        return Mapping(usable_fields(saved.fields), saved.preset)
    leaves = flatten(sample)
    preset = matching_preset(leaves)
    if preset is not None:
        return None if preset.is_native else preset.mapping(leaves)
    guessed = guess(leaves, leaves)
    if is_enough(guessed):
        return guessed
    if table.kind in ("csv", "xlsx"):
        raise UnreadableListing(
            _(
                "По заголовкам не понять, в каких столбцах время звонка и телефон: задайте "
                "соответствие полей."
            )
        )
    return None


def reader(source: CallSource, mapping: Mapping | None) -> Reader:
    """Return what parses items of the source by the mapping, without the database."""
    zone = ZoneInfo(source.time_zone) if source.time_zone else None
    public_id, region = source.public_id, source.region

    def read(items: Sequence[Any], now: datetime) -> list[Record]:
        mapped = [v3_record(item, mapping) for item in items]
        if mapping is None and all(one is item for one, item in zip(mapped, items, strict=True)):
            return read_records(items, source_id=public_id, zone=zone, now=now, region=region)
        return [
            one
            if isinstance(one, BadRecord)
            else keeping(
                item, read_record(one, source_id=public_id, zone=zone, now=now, region=region)
            )
            for item, one in zip(items, mapped, strict=True)
        ]

    return read


def _samples(table: Table) -> Iterator[dict[str, Any]]:
    for row in islice(table.rows(), SAMPLES):
        if isinstance(row.item, dict):
            yield row.item
