"""Drops months of calls and deliveries that are older than a number of months."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone

from calls.runtime import retention

#: How often the locks of a month are asked for, and the seconds between.
ATTEMPTS, PAUSE_SECONDS = 10, 2.0


class Command(BaseCommand):
    """Prints the months. Beside a live product, as any role.

    See docs/operations.md, «Dropping old months».
    """

    help = "Drop the calls and deliveries of old months; they cannot be brought back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the number of months and the dry run."""
        parser.add_argument(
            "--keep",
            type=int,
            required=True,
            help=f"whole months before this one that stay, {retention.LEAST_KEPT} at least",
        )
        parser.add_argument("--dry-run", action="store_true", help="name them, and drop nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Drop month by month, the oldest first."""
        try:
            months = retention.old_months(now=timezone.now(), keep=options["keep"])
        except ValueError as error:
            raise CommandError(str(error)) from None
        for month in months:
            if not options["dry_run"]:
                _drop(month)
            self.stdout.write(f"{month:%Y-%m}")
        verb = "would be dropped" if options["dry_run"] else "dropped"
        self.stdout.write(f"{len(months)} months {verb}")


def _drop(month: date) -> None:
    """Drop the month when its locks are free; raises CommandError when they never are."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            retention.drop_month(month)
            return
        except OperationalError as error:
            if attempt == ATTEMPTS:
                raise CommandError(f"{month:%Y-%m} is in use, nothing of it was dropped") from error
            time.sleep(PAUSE_SECONDS)
