"""Lets a database that was restored to an earlier moment send again, without doubling a call."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from calls.delivery import after_restore as steps
from calls.delivery.after_restore import Progress, Survey
from calls.models import RestoreRun
from integrations.installation.guard import MarkNotWritten, OtherSender
from integrations.installation.marks import Mark
from integrations.installation.state import Kind

#: Exit codes: run it again later; it cannot be done here.
NOT_YET, REFUSED = 2, 3
#: Longest pause between two lines about the remaining wait.
PROGRESS_SECONDS = 15.0


class Command(BaseCommand):
    """A dry run unless `--apply`. May be killed at any time and started again."""

    help = (
        "After a restore from a dump, or on a new machine: look up in Metrika what was sent since,"
        " then let this database send again. Exit code 0: done, or nothing to do; 2: too early"
        " with --no-wait, run it again; 3: it cannot be done here."
    )
    #: Tests replace it.
    rest: Callable[[float], object] = staticmethod(time.sleep)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--apply", action="store_true", help="do it; without it only say what")
        parser.add_argument(
            "--no-wait",
            action="store_true",
            help="end with exit code 2 when Metrika's lists do not show everything yet",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Survey, and with `--apply` every step that is not done yet."""
        found = steps.survey(timezone.now())
        if found.state.is_copy:
            self.stdout.write("This database is a copy: it never sends to Yandex. Nothing to do.")
            return
        self._tell(found)
        if not found.is_needed:
            self.stdout.write("Nothing to do.")
            return
        if not options["apply"]:
            self.stdout.write("Nothing was changed. Next: manage.py after_restore --apply")
            return
        self._confirm(found)
        if not steps.lock():
            raise CommandError("Another after_restore is running.", returncode=REFUSED)
        try:
            self._apply(steps.survey(timezone.now()), waits=not options["no_wait"])
        finally:
            steps.unlock()

    def _apply(self, found: Survey, *, waits: bool) -> None:
        if not found.is_needed:
            self.stdout.write("Nothing to do: another run has just finished.")
            return
        run = steps.begin(found, now=timezone.now())
        steps.move_sequences(run, found, now=timezone.now())
        self.stdout.write("Sequences are ahead of every id that was given.")
        steps.doubt_uploads(run, now=timezone.now())
        self.stdout.write(f"Uploads to be looked up: {len(run.doubted_ids)}.")
        self._wait(run, waits=waits)
        steps.begin_listing(run, now=timezone.now())
        progress = self._list(run, found)
        try:
            numbers = steps.finish(run, progress, now=timezone.now())
        except OtherSender:
            raise CommandError(
                "Nothing is sent yet: something else has sent since this run began. Stop it for"
                " good (a former primary, its workers), then run this again: it begins anew.",
                returncode=REFUSED,
            ) from None
        except MarkNotWritten as problem:
            sentence = f"Nothing is sent yet: {problem}. Mend that and run it again."
            raise CommandError(sentence, returncode=REFUSED) from None
        self._close(numbers, progress, found)

    def _confirm(self, found: Survey) -> None:
        """Ask a person at a terminal: a copy beside the production must not be released."""
        if found.state.kind is not Kind.FOREIGN:
            return
        self.stdout.write(
            "This database will be the installation that sends. Where the former one still runs,"
            " stop it for good first: two that send double every call. For a copy there is"
            " adopt_installation --as-copy."
        )
        if sys.stdin.isatty() and input("Type yes to go on: ").strip() != "yes":
            raise CommandError("Nothing was changed.", returncode=REFUSED)

    def _tell(self, found: Survey) -> None:
        state, mark = found.state, found.state.mark
        self.stdout.write(f"Installation {state.row.uid}: {state.kind}.")
        for reading in state.readings:
            self.stdout.write(
                f"  mark in {reading.place}: {_mark_words(reading.mark, reading.problem)}"
            )
        if mark is not None and state.kind is Kind.BEHIND:
            self.stdout.write(
                f"  the database is at epoch {state.row.epoch}, {mark.epoch - state.row.epoch}"
                f" claims behind; the last upload was sent at {mark.at:%Y-%m-%d %H:%M:%S}Z"
            )
        counts = ", ".join(f"{name} {count}" for name, count in found.uploads.items())
        self.stdout.write(f"Uploads that may have been sent since: {counts}.")
        if found.received_at is not None:
            came = f"{found.received_at:%Y-%m-%d %H:%M:%S}Z"
            self.stdout.write(
                f"The last call that is here came at {came}: have the sender repeat what it sent"
                " since."
            )
        self.stdout.write(f"Manifests of files that the database does not know: {found.manifests}.")
        self.stdout.write(f"Lists to read: {len(found.lists)}.")
        for counter in found.unreachable:
            self.stdout.write(
                f"  counter {counter.number} of cabinet {counter.cabinet_id} cannot be listed: its"
                f" account is {counter.account.state}; its list is read before its first send"
            )
        if found.run is not None:
            self.stdout.write(f"The run of {found.run.started_at:%Y-%m-%d %H:%M:%S}Z goes on.")

    def _wait(self, run: RestoreRun, *, waits: bool) -> None:
        while left := steps.grace_left(run, timezone.now()) / timedelta(seconds=1):
            if not waits:
                raise CommandError(
                    f"Metrika's lists show everything in {left:.0f} s: run it again then.",
                    returncode=NOT_YET,
                )
            self.stdout.write(f"Metrika's lists show everything in {left:.0f} s: waiting.")
            self.rest(min(left, PROGRESS_SECONDS))

    def _list(self, run: RestoreRun, found: Survey) -> Progress:
        progress = Progress()
        for done, _progress in enumerate(steps.read_lists(run, found, progress), start=1):
            if done % 10 == 0 or done == len(found.lists):
                self.stdout.write(f"Lists: {done} of {len(found.lists)}.")
        return progress

    def _close(self, numbers: dict[str, int], progress: Progress, found: Survey) -> None:
        for name, problem in progress.failed.items():
            self.stdout.write(f"  not listed: counter {name}: {problem}")
        for name, number in numbers.items():
            self.stdout.write(f"{name:<20} {number:>8}")
        self.stdout.write("This database sends again.")
        if progress.failed or found.unreachable:
            self.stdout.write("What was not listed is listed before its first send.")


def _mark_words(mark: Mark | None, problem: str) -> str:
    if mark is None:
        return problem or "none"
    return (
        f"epoch {mark.epoch}, upload {mark.highest_upload}, {mark.at:%Y-%m-%d %H:%M:%S}Z,"
        f" installation {mark.uid} at {mark.public_host}"
    )
