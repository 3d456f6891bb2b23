"""Chooses the mapping of a file's rows: the saved one, a ready one, or a guess."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from cabinets.models import CallSource
from calls.ingest.parsing.file_format import UnreadableListing
from calls.mapping.field_mapping import Mapping, usable_fields
from calls.mapping.guessing import guess, is_enough
from calls.mapping.paths import flatten, value_at
from calls.mapping.presets import matching_preset
from calls.models import SourceMapping
from calls.tables.table import Table

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


def _samples(table: Table) -> Iterator[dict[str, Any]]:
    for row in islice(table.rows(), SAMPLES):
        if isinstance(row.item, dict):
            yield row.item
