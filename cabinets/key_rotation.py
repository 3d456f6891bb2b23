"""Reseals every stored secret with the first of SEALING_KEYS, so that older keys can be removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import F, Model, TextField, Value
from django.db.models.functions import Cast

from cabinets.sealing import SealedTextField, UnsealFailed, is_sealed_with_first_key, reseal

BATCH_SIZE = 500
#: JSON columns with sealed texts in them: model → (column, keys). See `add_sealed_json`.
_sealed_json: dict[type[Model], tuple[str, tuple[str, ...]]] = {}


@dataclass
class ColumnResult:
    """How many values of one column were resealed or left, and why."""

    column: str
    resealed: int = 0
    current: int = 0
    #: Changed by another process meanwhile, and so sealed with the first key already.
    changed: int = 0
    #: No key of SEALING_KEYS opens them.
    unreadable: int = 0


def sealed_columns() -> list[tuple[type[Model], str]]:
    """Return every SealedTextField of every model, as (model, column)."""
    return [
        (model, field.attname)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, SealedTextField)
    ]


def reseal_column(model: type[Model], column: str) -> ColumnResult:
    """Reseal the column in batches. May be stopped and started again at any point."""
    result = ColumnResult(f"{model._meta.label}.{column}")
    for pk, sealed in _sealed_values(model, column):
        _reseal_one(model, column, pk, sealed, result)
    return result


def _sealed_values(model: type[Model], column: str) -> Iterator[tuple[Any, str]]:
    # Through a cast, because reading the field itself would unseal the value.
    rows = model._default_manager.annotate(sealed=Cast(F(column), TextField())).exclude(sealed="")
    last: Any = None
    while True:
        page = rows if last is None else rows.filter(pk__gt=last)
        batch = list(page.order_by("pk").values_list("pk", "sealed")[:BATCH_SIZE])
        if not batch:
            return
        yield from batch
        last = batch[-1][0]


def _reseal_one(
    model: type[Model], column: str, pk: Any, sealed: str, result: ColumnResult
) -> None:
    if is_sealed_with_first_key(sealed):
        result.current += 1
        return
    try:
        fresh = reseal(sealed)
    except UnsealFailed:
        result.unreadable += 1
        return
    # Compare-and-set: a token that was refreshed meanwhile stays.
    row = model._default_manager.annotate(sealed=Cast(F(column), TextField()))
    changed = row.filter(pk=pk, sealed=sealed).update(
        **{column: Value(fresh, output_field=TextField())}
    )
    result.resealed += changed
    result.changed += 1 - changed


def add_sealed_json(model: type[Model], column: str, *keys: str) -> None:
    """Have the rotation reseal these values of a JSON column, of a model that is not ours."""
    _sealed_json[model] = (column, keys)


def sealed_json() -> list[type[Model]]:
    """Return the models that `add_sealed_json` was called with."""
    return list(_sealed_json)


def reseal_json(model: type[Model]) -> ColumnResult:
    """Reseal the values in the JSON column of each row, under its lock. May be started again."""
    column, keys = _sealed_json[model]
    result = ColumnResult(f"{model._meta.label}.{column}")
    for pk in list(model._default_manager.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            row = model._default_manager.select_for_update().filter(pk=pk).first()
            values = getattr(row, column) if row else {}
            fresh = {key: _resealed(values[key], result) for key in keys if key in values}
            model._default_manager.filter(pk=pk).update(**{column: values | fresh})
    return result


def _resealed(sealed: str, result: ColumnResult) -> str:
    if is_sealed_with_first_key(sealed):
        result.current += 1
        return sealed
    try:
        fresh = reseal(sealed)
    except UnsealFailed:
        result.unreadable += 1
        return sealed
    result.resealed += 1
    return fresh
