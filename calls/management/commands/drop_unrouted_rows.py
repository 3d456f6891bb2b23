"""Drops ledger rows of counters that their calls do not concern, which former versions wrote."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter as Tally
from typing import Any

from django.core.management.base import BaseCommand

from calls.decision.unrouted_rows import BATCH, drop_unrouted_rows


class Command(BaseCommand):
    """Prints how many rows of each reason were dropped. Beside a live product, and again if killed.

    See docs/operations.md, «Rows of counters that calls do not concern».
    """

    help = "Drop ledger rows that former versions wrote for counters which calls do not concern."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the dry run, the size of a transaction and the pause after it."""
        parser.add_argument("--dry-run", action="store_true", help="count, and drop nothing")
        parser.add_argument("--batch", type=int, default=BATCH, help="rows of one transaction")
        parser.add_argument("--pause", type=float, default=0.1, help="seconds between them")

    def handle(self, *args: Any, **options: Any) -> None:
        """Drop the rows and print the numbers."""
        dropped: Tally[str] = Tally()
        parts = drop_unrouted_rows(
            batch=max(1, options["batch"]), pause=options["pause"], dry_run=options["dry_run"]
        )
        for part in parts:
            dropped[part.reason] += part.dropped
        for reason, count in dropped.most_common():
            self.stdout.write(f"{reason}: {count}")
        verb = "would be dropped" if options["dry_run"] else "dropped"
        self.stdout.write(f"{dropped.total()} rows {verb}")
