"""Compare the forecast of the link with the link proofs of the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from calls.forecast.calibration import lines, report


class Command(BaseCommand):
    """Reads all proved rows; changes nothing."""

    help = "Prints the Brier score of the link forecast and a table by cause, as Markdown."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the report."""
        self.stdout.write(report(lines()))
