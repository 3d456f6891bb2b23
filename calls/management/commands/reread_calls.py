"""Reads stored records again that a former version took for static calls."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from calls.ingest.reread import reread_calls


class Command(BaseCommand):
    """Prints how many calls were read and how many changed; does what `migrate` does by itself."""

    help = "Read waiting calls again that a former version took for static ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the dry run."""
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read again and print the numbers."""
        is_dry = options["dry_run"]
        done = reread_calls(now=timezone.now(), dry_run=is_dry)
        verb = "would change" if is_dry else "changed"
        self.stdout.write(f"{done.read} calls read again, {done.changed} {verb}")
