"""Seals every stored secret anew with the first of SEALING_KEYS, so that older keys can go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import F, Model, TextField, Value
from django.db.models.functions import Cast

from cabinets.sealing import SealedTextField, UnsealFailed, is_sealed_with_first_key, reseal

BATCH = 500


@dataclass
class Tally:
    """What became of the values of one column."""

    column: str
    resealed: int = 0
    current: int = 0
    #: Changed by somebody else in between, and so sealed with the first key already.
    overtaken: int = 0
    #: No live key opens them.
    lost: int = 0


def sealed_columns() -> list[tuple[type[Model], str]]:
    """Return every column that holds sealed text, found by its field's class."""
    return [
        (model, field.attname)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, SealedTextField)
    ]


def reseal_column(model: type[Model], column: str) -> Tally:
    """Go through the column in batches. May be stopped and started again at any point."""
    tally = Tally(f"{model._meta.label}.{column}")
    for pk, sealed in _sealed_values(model, column):
        _reseal_one(model, column, pk, sealed, tally)
    return tally


def _sealed_values(model: type[Model], column: str) -> Iterator[tuple[Any, str]]:
    # Through a cast, because reading the field itself would open the value.
    rows = model._default_manager.annotate(sealed=Cast(F(column), TextField())).exclude(sealed="")
    last: Any = None
    while True:
        page = rows if last is None else rows.filter(pk__gt=last)
        batch = list(page.order_by("pk").values_list("pk", "sealed")[:BATCH])
        if not batch:
            return
        yield from batch
        last = batch[-1][0]


def _reseal_one(model: type[Model], column: str, pk: Any, sealed: str, tally: Tally) -> None:
    if is_sealed_with_first_key(sealed):
        tally.current += 1
        return
    try:
        fresh = reseal(sealed)
    except UnsealFailed:
        tally.lost += 1
        return
    # Only the very value that was read is replaced: a token refreshed meanwhile stays.
    row = model._default_manager.annotate(sealed=Cast(F(column), TextField()))
    changed = row.filter(pk=pk, sealed=sealed).update(
        **{column: Value(fresh, output_field=TextField())}
    )
    tally.resealed += changed
    tally.overtaken += 1 - changed
