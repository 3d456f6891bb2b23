"""Fills a cabinet with demonstration data, once. Needs the sandbox and refuses real Yandex."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from cabinets.models import Cabinet, CallSource, Membership
from calls.queries import freshness
from devtools.demonstration.cabinet import set_up
from devtools.demonstration.history import WEEKS, live_through
from devtools.demonstration.visits import order_proofs
from integrations.models import YandexAccount

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "sandbox"})


class Command(BaseCommand):
    """A cabinet with a linked account is left unchanged."""

    help = "Fill the cabinet of a person with demonstration data, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", default="demo")

    def handle(self, *args: Any, **options: Any) -> None:
        _refuse_real_yandex()
        membership = _membership(options["username"])
        cabinet = membership.cabinet
        if YandexAccount.objects.filter(cabinet=cabinet).exists():
            self.stdout.write("The cabinet has demonstration data already.")
            return
        since = timezone.now() - timedelta(weeks=WEEKS, days=1)
        with _without_waiting_for_the_disk():
            set_up(cabinet=cabinet, user=membership.user, since=since)
            calls = live_through(cabinet, _source(cabinet), report=self._report)
            order_proofs(cabinet)
            # Beat counts only after some minutes.
            freshness.count(now=timezone.now())
        # This commit waits for the disk, and so for all before it.
        Cabinet.objects.filter(pk=cabinet.pk).update(is_demo=True)
        self.stdout.write(f"{calls} demonstration calls.")

    def _report(self, done: int, total: int) -> None:
        self.stdout.write(f"{done} of {total}")


@contextmanager
def _without_waiting_for_the_disk() -> Iterator[None]:
    """Let the commits of this session return before they are on disk: invented calls may be lost.

    Only a crash of the database server loses them, within its last second.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")


def _refuse_real_yandex() -> None:
    for url in (settings.YANDEX_OAUTH_URL, settings.METRIKA_API_URL):
        if urlsplit(url).hostname not in LOOPBACK:
            raise CommandError(f"{url} is not the sandbox: a demonstration sends invented calls.")


def _membership(username: str) -> Membership:
    found = (
        Membership.objects.select_related("cabinet", "user").filter(user__username=username).first()
    )
    if found is None:
        raise CommandError(f"{username} has no cabinet: run seed_access first.")
    return found


def _source(cabinet: Cabinet) -> CallSource:
    source = cabinet.call_sources.order_by("pk").first()
    if source is None:
        raise CommandError("The cabinet has no source of calls: run seed_access first.")
    return source
