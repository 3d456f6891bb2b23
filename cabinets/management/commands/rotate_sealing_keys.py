"""manage.py rotate_sealing_keys"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cabinets.key_rotation import (
    ColumnResult,
    reseal_column,
    reseal_json,
    sealed_columns,
    sealed_json,
)


class Command(BaseCommand):
    """Retires a key: put a new one first in SEALING_KEYS, restart everything, run this, and remove
    the old key when it reports nothing lost.
    """

    help = "Seal every stored secret with the first of SEALING_KEYS. Safe to run twice."

    def handle(self, *args: Any, **options: Any) -> None:
        results = [reseal_column(model, column) for model, column in sealed_columns()]
        results += [reseal_json(model) for model in sealed_json()]
        for result in results:
            self.stdout.write(_line(result))
        lost = sum(result.unreadable for result in results)
        if lost:
            raise CommandError(f"{lost} values cannot be opened by any of SEALING_KEYS.")


def _line(result: ColumnResult) -> str:
    return (
        f"{result.column}: resealed {result.resealed}, already current {result.current}, "
        f"changed meanwhile {result.changed}, lost {result.unreadable}"
    )
