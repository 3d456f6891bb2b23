"""manage.py adopt_installation: a moved cabinet, or a copy for tests."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from cabinets import audit
from integrations.installation import guard, words
from integrations.installation.state import Kind, State
from integrations.models import YandexAccount
from integrations.tokens.copy import become_copy


class Command(BaseCommand):
    """Says first what it found and what it will do; `--dry-run` ends there."""

    help = (
        "After PUBLIC_URL was changed: let this database send again. With --as-copy: turn a copy of"
        " the database into one that can never reach the real Yandex."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-copy",
            action="store_true",
            help="erase the tokens of all Yandex accounts; cannot be undone",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")
        parser.add_argument("--no-input", action="store_true", help="do not ask for confirmation")

    def handle(self, *args: Any, **options: Any) -> None:
        state = guard.state()
        self.stdout.write(f"Installation {state.row.uid}: {words.operator_words(state)}.")
        if options["as_copy"]:
            self._as_copy(state, options)
        else:
            self._moved(state, options)

    def _as_copy(self, state: State, options: dict[str, Any]) -> None:
        if state.is_copy:
            self.stdout.write("It is a copy already: nothing to do.")
            return
        accounts = YandexAccount.objects.linked().count()
        self.stdout.write(
            f"The tokens of {accounts} Yandex accounts will be erased, and nothing will be sent to"
            " the real Yandex from this database any more. This cannot be undone."
        )
        if options["dry_run"]:
            return
        # A database in order looks like the production itself.
        self._confirm(options, is_needed=not state.is_halted)
        erased = become_copy(now=timezone.now())
        self.stdout.write(f"This database is a copy now; {erased} accounts have no token.")

    def _moved(self, state: State, options: dict[str, Any]) -> None:
        if not state.is_halted:
            self.stdout.write("It may send: nothing to do.")
            return
        if not state.may_be_adopted:
            raise CommandError(_why_not(state))
        self.stdout.write(
            f"The installation moves from {_former_hosts(state)} to {state.host}. If the former one"
            " still runs, it will send nothing any more."
        )
        if options["dry_run"]:
            return
        self._confirm(options, is_needed=False)
        self.stdout.write(f"Sending goes on from epoch {_adopt(state)}.")

    def _confirm(self, options: dict[str, Any], *, is_needed: bool) -> None:
        """Ask a person at a terminal. Raises CommandError when there is none and one is needed."""
        if options["no_input"]:
            return
        if sys.stdin.isatty():
            if input("Type yes to go on: ").strip() != "yes":
                raise CommandError("Nothing was changed.")
        elif is_needed:
            raise CommandError(
                "Nothing was changed: this database may send, so it looks like the production"
                " itself. If it is a copy, add --no-input."
            )


def _why_not(state: State) -> str:
    if state.kind is Kind.COPY:
        return "A copy stays a copy: restore the production's database instead."
    if state.kind is Kind.NO_MARK:
        return "Nothing was changed: see above."
    return f"Only a changed PUBLIC_URL is adopted here. Next: {words.AFTER_RESTORE}"


def _former_hosts(state: State) -> str:
    hosts = {one.mark.public_host for one in state.readings if one.mark} | {state.row.public_host}
    return ", ".join(sorted(hosts - {state.host, ""})) or state.host


@transaction.atomic
def _adopt(state: State) -> int:
    now = timezone.now()
    mark_epoch = state.mark.epoch if state.mark else None
    epoch = guard.release(now=now, look_after=now, mark_epoch=mark_epoch)
    audit.log_change(
        cabinet=None,
        actor=None,
        action="installation.moved",
        subject=state.row,
        before={"public_host": state.row.public_host, "halt_reason": state.row.halt_reason},
        after={"public_host": state.host, "epoch": epoch},
    )
    return epoch
