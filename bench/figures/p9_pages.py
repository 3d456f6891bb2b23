"""P9: the pages of a cabinet with many calls, each state and reason of its history, the admin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from statistics import median, quantiles
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bench import history, world
from bench.figure import Fact, Figure
from bench.measure import COMMANDS, timed
from calls.decision.reasons import REASON_TITLES
from calls.models import Call, Upload
from calls.states import DisplayState

MILLISECONDS = 1000
ADMIN_LISTS = ("call", "delivery", "upload")


@dataclass
class Page:
    """What the views of one address cost."""

    name: str
    seconds: list[float] = field(default_factory=list)
    sql_seconds: list[float] = field(default_factory=list)
    queries: int = 0
    blocks: int = 0


class Pages(Figure):
    """No floor and no naive peer: each page has goals of its own."""

    title = "P9 pages"
    contenders = ()
    limits = 2

    def prepare(self) -> None:
        for calls in self.sizes.page_calls:
            self.measure(calls)

    def measure(self, calls: int) -> None:
        """Open the pages of a cabinet with this many calls, and add what they cost."""
        standing = history.of(calls)
        owner, first = standing.owner, standing.first
        person, staff = Client(SERVER_NAME="127.0.0.1", SERVER_PORT="8000"), _staff()
        person.force_login(owner.person)
        for group, addresses in self._groups(owner, first):
            client = staff if group.startswith("admin") else person
            pages = [open_page(client, one, self.sizes.page_views) for one in addresses]
            slowest = partial(_open, client, _slowest(pages).name)
            self.add_facts(_facts(f"{calls:,} calls: {group}", pages), slowest)

    def _groups(self, owner: world.World, first: int) -> Iterator[tuple[str, list[str]]]:
        counter, most = owner.counters[0], self.sizes.filters
        first_page = reverse("calls:history", args=[counter.pk])
        all_time = f"{first_page}?date_from=&date_to=&q="
        lists = [reverse(f"admin:calls_{one}_changelist") for one in ADMIN_LISTS]
        yield "counters", [reverse("counters:list")]
        yield "history, first page", [first_page, all_time]
        yield "history, deep page", [f"{all_time}&cursor={_deep(first)}"]
        states, reasons = DisplayState.values[:most], list(REASON_TITLES)[:most]
        yield "history, the slowest state", [f"{all_time}&state={one}" for one in states]
        yield "history, the slowest reason", [f"{all_time}&reason={one}" for one in reasons]
        yield "history, search by phone", [f"{all_time}0000007"]
        yield "call", [reverse("calls:journey", args=[first + 50])]
        yield "upload", [reverse("calls:upload", args=[Upload.objects.latest("pk").pk])]
        yield "settings", [reverse("counters:settings", args=[counter.pk])]
        yield "admin, the slowest list", lists
        yield "admin, search of a call", [f"{lists[0]}?q=9-7"]


def _staff() -> Client:
    """Return a browser of a new superuser."""
    name = f"bench-staff-{time.time_ns()}"
    staff = get_user_model().objects.create_superuser(username=name, password=None)
    client = Client(SERVER_NAME="127.0.0.1", SERVER_PORT="8000")
    client.force_login(staff)
    return client


def _deep(first: int) -> str:
    """Return a cursor of the history far from its newest call."""
    call = Call.objects.filter(pk__gte=first).order_by("partition_at")[99]
    microseconds = int(call.partition_at.timestamp() * 1_000_000)
    return f"{microseconds}.{call.pk}.1"


def open_page(client: Client, address: str, views: int) -> Page:
    """Open a page several times, after once; count its queries and the blocks that they read."""
    page = Page(address)
    _open(client, address)
    for _view in range(views):
        page.seconds.append(timed(lambda: _open(client, address)).wall)
    with CaptureQueriesContext(connection) as captured:
        _open(client, address)
    queries = [one for one in captured.captured_queries if not one["sql"].startswith(COMMANDS)]
    page.queries = len(queries)
    page.sql_seconds = [float(one["time"]) for one in queries]
    page.blocks = sum(_blocks(str(one["sql"])) for one in queries)
    return page


def _open(client: Client, address: str) -> int:
    answer = client.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    return 1


def _blocks(query: str) -> int:
    """Return the blocks that a query reads, from memory or disk; 0 for what changes rows."""
    if not query.startswith(("SELECT", "WITH")):
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query.replace('%', '%%')}", [])
        plan: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _facts(title: str, pages: list[Page]) -> list[Fact]:
    """Return the worst of the pages of a group."""
    slowest = _slowest(pages)
    sql = max(max(page.sql_seconds, default=0) for page in pages)
    return [
        Fact(f"{title}: page p95", _p95(slowest.seconds) * MILLISECONDS, "ms", at_most=150),
        Fact(f"{title}: slowest query", sql * MILLISECONDS, "ms", at_most=10),
        Fact(f"{title}: queries", max(page.queries for page in pages), "queries"),
        Fact(f"{title}: blocks read", max(page.blocks for page in pages), "blocks"),
    ]


def _slowest(pages: list[Page]) -> Page:
    return max(pages, key=lambda page: median(page.seconds or [0]))


def _p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20)[-1] if len(seconds) > 1 else sum(seconds)
