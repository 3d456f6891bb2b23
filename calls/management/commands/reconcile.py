"""Reconciles counters with Metrika now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from calls.models import Reconciliation, UnknownFile, Upload
from calls.reconciliation.run import reconcile
from calls.states import Attention
from counters.models import Counter


def _grave(counters: list[int]) -> list[str]:
    """Return a line per file that stands in Metrika twice, and per file unknown here."""
    doubled = Upload.objects.needs_attention().filter(
        counter__in=counters, attention=Attention.DUPLICATE
    )
    unknown = UnknownFile.objects.filter(counter__in=counters, state=UnknownFile.State.OPEN)
    return [
        *(f"  doubled: upload {one.pk}, in Metrika {one.duplicate_ids}" for one in doubled),
        *(f"  unknown: {one.marker}, in Metrika {one.uploading_ids}" for one in unknown),
    ]


class Command(BaseCommand):
    """Prints a line per counter and per difference; exits with 1 when there is a difference."""

    help = "Compare the ledger with itself and with Metrika's lists of uploadings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the number of a cabinet."""
        parser.add_argument("--cabinet", type=int, help="number of a cabinet; all without it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reconcile and print the results."""
        counters = Counter.objects.present().select_related("account")
        if options["cabinet"] is not None:
            counters = counters.filter(cabinet_id=options["cabinet"])
        results = [reconcile(one, now=timezone.now()) for one in counters.order_by("pk")]
        for result in results:
            self._print(result)
        differences = sum(result.difference_count for result in results)
        grave = _grave([result.counter_id for result in results])
        for line in grave:
            self.stdout.write(line)
        if differences or grave:
            raise CommandError(f"{differences + len(grave)} differences", returncode=1)
        self.stdout.write(f"{len(results)} counters agree")

    def _print(self, result: Reconciliation) -> None:
        there = "not asked" if result.uploadings is None else result.uploadings
        self.stdout.write(
            f"counter {result.counter.number}: {result.calls} calls, {result.deliveries}"
            f" deliveries, {result.uploads} uploads, in Metrika: {there}"
        )
        for one in result.differences.all():
            self.stdout.write(
                f"  {one.code}: ours {one.ours or '-'}, theirs {one.theirs or '-'},"
                f" upload {one.upload_id or '-'}, in Metrika {one.uploading_ids or '-'}"
            )
