"""manage.py rotate_sealing_keys"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.tokens.rotation import Tally, reseal_column, sealed_columns


class Command(BaseCommand):
    """To retire a key: put a new one first in SEALING_KEYS, restart everything, run this, and
    take the old key out when it reports nothing lost.
    """

    help = "Seal every stored secret with the first of SEALING_KEYS. Safe to run twice."

    def handle(self, *args: Any, **options: Any) -> None:
        tallies = [reseal_column(model, column) for model, column in sealed_columns()]
        for tally in tallies:
            self.stdout.write(_line(tally))
        lost = sum(tally.lost for tally in tallies)
        if lost:
            raise CommandError(f"{lost} values cannot be opened by any of SEALING_KEYS.")


def _line(tally: Tally) -> str:
    return (
        f"{tally.column}: resealed {tally.resealed}, already current {tally.current}, "
        f"changed meanwhile {tally.overtaken}, lost {tally.lost}"
    )
