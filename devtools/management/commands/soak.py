"""Soak test: delivers calls while Metrika fails and workers are killed, and checks the balance."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from devtools.soak.run import Outcome, Plan, SoakRun, is_sandbox
from devtools.soak.sandbox_api import Sandbox

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "sandbox"})


class Command(BaseCommand):
    """Uses a new cabinet; exit code 1 if anything is lost, doubled or unfinished."""

    help = "Deliver invented calls to the sandbox while workers are killed and Metrika fails."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--minutes", type=float, default=2.0)
        parser.add_argument("--calls", type=int, default=5000)
        parser.add_argument("--kills", type=int, default=20)
        parser.add_argument("--faults", action="store_true", help="switch faults of the sandbox on")
        parser.add_argument("--workers", type=int, default=3)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--report", type=Path, help="write the figures here as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        _require_sandbox()
        names = ("minutes", "calls", "kills", "faults", "workers", "seed")
        plan = Plan(**{name: options[name] for name in names})
        outcome = SoakRun(plan, Sandbox(settings.METRIKA_API_URL), self._say).run()
        report = _as_json(outcome)
        if options["report"]:
            options["report"].write_text(report, encoding="utf-8")
        self._say(report)
        if outcome.findings:
            raise CommandError("It does not balance: " + "; ".join(outcome.findings))
        self._say("It balances to the row.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _require_sandbox() -> None:
    for url in (settings.YANDEX_OAUTH_URL, settings.YANDEX_LOGIN_URL, settings.METRIKA_API_URL):
        if urlsplit(url).hostname not in LOOPBACK or not is_sandbox(url):
            raise CommandError(f"{url} is not the sandbox: a soak sends invented calls.")


def _as_json(outcome: Outcome) -> str:
    return json.dumps(asdict(outcome), ensure_ascii=False, indent=2)
