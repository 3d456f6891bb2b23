"""P9: the pages of a cabinet with many calls, each state and reason of its history, the admin.

The calls are those of `bench.months`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from statistics import median, quantiles
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bench import months, world
from bench.figure import Fact, Figure
from bench.figures import ticks
from bench.measure import COMMANDS
from bench.sizes import Sizes
from callkeeper_metrika.garbage import freeze_modules
from calls.decision.reasons import REASON_TITLES
from calls.models import Call, Upload
from calls.pages.ledger_form import NO_COUNTER
from calls.states import DisplayState
from calls.summary.refresh import refresh

MILLISECONDS = 1000
#: Views that tell which page of a group is the slowest.
FEW_VIEWS = 8
ADMIN_LISTS = ("call", "callkey", "delivery", "upload", "uploadattempt")
#: The list of the admin that is searched, and the end of a phone number that some calls have.
SEARCHED, PHONE_END = "call", "0000007"


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
    limits = 4

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        #: Seconds of each group with the fewest calls.
        self._first: dict[str, float] = {}

    def prepare(self) -> None:
        # As the web server does; this process has the modules of other figures too.
        freeze_modules()
        for calls in self.sizes.page_calls:
            self.measure(calls)

    def measure(self, calls: int) -> None:
        """Open the pages of a cabinet with half of so many calls, and add what they cost."""
        world.forget_calls()
        began = time.perf_counter()
        owner = months.generate(calls)
        self.facts.append(Fact(f"{calls:,} calls: loading", time.perf_counter() - began, "s"))
        began = time.perf_counter()
        while refresh(now=timezone.now(), seconds=60):
            pass
        world.execute(
            "VACUUM (ANALYZE) calls_callsummary, calls_deliverysummary, calls_deliveryday,"
            " calls_summarymark"
        )
        self.facts.append(Fact(f"{calls:,} calls: summary", time.perf_counter() - began, "s"))
        person, staff = Client(SERVER_NAME="127.0.0.1", SERVER_PORT="8000"), _staff()
        person.force_login(owner.person)
        for group, addresses in self._groups(owner):
            client = staff if group.startswith("admin") else person
            pages = open_pages(client, addresses, self.sizes.page_views)
            slowest = partial(_open, client, _slowest(pages).name)
            self.add_facts(self._facts(calls, group, pages), slowest)
        if self.sizes.page_views:
            self.facts += ticks.facts(f"{calls:,} calls", counters=self.sizes.idle_counters)

    def _groups(self, owner: world.World) -> Iterator[tuple[str, list[str]]]:
        """Yield the pages of the cabinet and of its busiest counter."""
        counter, most = owner.counters[0], self.sizes.filters
        call = Call.objects.filter(cabinet=owner.cabinet).order_by("-partition_at")[20]
        upload = Upload.objects.filter(counter=counter).order_by("-rows", "pk")[0]
        first_page = reverse("calls:history", args=[counter.pk])
        all_time = f"{first_page}?date_from=&date_to=&q="
        lists = {one: reverse(f"admin:calls_{one}_changelist") for one in ADMIN_LISTS}
        yield "counters", [reverse("counters:list")]
        yield "history, first page", [first_page, all_time, *_periods(first_page)]
        yield "history, totals after the page", [f"{first_page}?totals=1", f"{all_time}&totals=1"]
        yield "history, deep page", [f"{all_time}&cursor={_deep(owner)}"]
        states, reasons = DisplayState.values[:most], list(REASON_TITLES)[:most]
        yield "history, the slowest state", [f"{all_time}&state={one}" for one in states]
        yield "history, the slowest reason", [f"{all_time}&reason={one}" for one in reasons]
        yield "history, search", [f"{all_time}{one}" for one in (PHONE_END, call.external_id)]
        ledger, tail = reverse("calls:list"), call.phone[-4:]
        yield "ledger, first page", [ledger, f"{ledger}?counter={counter.pk}"]
        yield "ledger, calls of no counter", [f"{ledger}?counter={NO_COUNTER}"]
        yield "ledger, the slowest state", [f"{ledger}?state={one}" for one in states]
        yield "ledger, the slowest reason", [f"{ledger}?reason={one}" for one in reasons]
        rest = (f"kind={call.kind}", "kind=callback", "tag=-", f"q={tail}&state=sent")
        yield "ledger, other filters", [f"{ledger}?{one}" for one in rest]
        counted = ("channel=1", "stage=sent", "link=linked", "forecast=likely", f"q={tail}")
        yield "ledger, filters by row", [f"{ledger}?{one}" for one in counted]
        yield "ledger, counts after the page", [f"{ledger}?{one}&totals=1" for one in counted]
        others = ("quality", "freshness", "reports")
        yield "quality, freshness, reconciliation", [reverse(f"calls:{one}") for one in others]
        numbers = [reverse(f"calls:{one}") for one in ("statistics", "funnel")]
        yield "statistics and funnel, 28 days", numbers
        yield "statistics and funnel, 90 days", [f"{one}?days=90" for one in numbers]
        of_counter = f"?days=28&counter={counter.pk}"
        yield "statistics and funnel of a counter", [f"{one}{of_counter}" for one in numbers]
        yield "call", [reverse("calls:journey", args=[call.pk])]
        yield "upload", [reverse("calls:upload", args=[upload.pk])]
        yield "settings", [reverse("counters:settings", args=[counter.pk])]
        yield "sources", [reverse("cabinets:sources")]
        yield "admin, the slowest list", list(lists.values())
        searched = (call.external_id, PHONE_END)
        yield "admin, search", [f"{lists[SEARCHED]}?q={one}" for one in searched]

    def _facts(self, calls: int, group: str, pages: list[Page]) -> list[Fact]:
        """Return the worst of the pages of a group, and how it grew since fewer calls."""
        title, p95 = f"{calls:,} calls: {group}", _p95(_slowest(pages).seconds)
        sql = max(_p95(page.sql_seconds) for page in pages)
        facts = [
            Fact(f"{title}: page p95", p95 * MILLISECONDS, "ms", at_most=150),
            Fact(f"{title}: SQL p95", sql * MILLISECONDS, "ms", at_most=10),
            Fact(f"{title}: queries", max(page.queries for page in pages), "queries"),
            Fact(f"{title}: blocks read", max(page.blocks for page in pages), "blocks"),
        ]
        first = self._first.setdefault(group, p95)
        if first and calls != self.sizes.page_calls[0]:
            facts.append(Fact(f"{title}: over fewer calls", p95 / first, "×", at_most=1.5))
        return facts


def _periods(first_page: str) -> list[str]:
    """Return the history of one day and of an earlier month."""
    ends = ((10, 10), (70, 40))
    days = [[timezone.localdate() - timedelta(days=one) for one in pair] for pair in ends]
    return [f"{first_page}?q=&date_from={first}&date_to={last}" for first, last in days]


def _staff() -> Client:
    """Return a browser of a new superuser."""
    name = f"bench-staff-{time.time_ns()}"
    staff = get_user_model().objects.create_superuser(username=name, password=None)
    client = Client(SERVER_NAME="127.0.0.1", SERVER_PORT="8000")
    client.force_login(staff)
    return client


def _deep(owner: world.World) -> str:
    """Return a cursor of the history far from its newest call."""
    call = Call.objects.filter(cabinet=owner.cabinet).order_by("partition_at")[20]
    microseconds = int(call.partition_at.timestamp() * 1_000_000)
    return f"{microseconds}.{call.pk}.1"


def open_pages(client: Client, addresses: list[str], views: int) -> list[Page]:
    """Open each page a few times, and the slowest of them as often as `views`."""
    pages = [open_page(client, one, min(views, FEW_VIEWS)) for one in addresses]
    slowest = _slowest(pages)
    if views > FEW_VIEWS:
        pages[pages.index(slowest)] = open_page(client, slowest.name, views)
    return pages


def open_page(client: Client, address: str, views: int) -> Page:
    """Open a page several times, after once; count its queries and the blocks that they read."""
    page = Page(address)
    _open(client, address)
    # What the first view imported: the web server has imported all before it freezes.
    freeze_modules()
    queries: list[dict[str, str]] = []
    for _view in range(max(1, views)):
        began = time.perf_counter()
        _open(client, address)
        page.seconds.append(time.perf_counter() - began)
    # Apart from the times: to record queries is work of its own.
    for _view in range(max(1, min(views, FEW_VIEWS))):
        with CaptureQueriesContext(connection) as captured:
            _open(client, address)
        queries = [one for one in captured.captured_queries if not one["sql"].startswith(COMMANDS)]
        page.sql_seconds += [float(one["time"]) for one in queries]
    page.queries = len(queries)
    page.blocks = sum(_blocks(one["sql"]) for one in queries)
    return page


def _open(client: Client, address: str) -> int:
    answer = client.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    return 1


def _blocks(query: str) -> int:
    """Return the blocks that a query reads, from memory or disk; 0 for what changes rows."""
    if not query.lstrip().startswith(("SELECT", "WITH")):
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query.replace('%', '%%')}", [])
        plan: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _slowest(pages: list[Page]) -> Page:
    return max(pages, key=lambda page: median(page.seconds or [0]))


def _p95(seconds: list[float]) -> float:
    """Return the 95th percentile: of 40 views the third slowest, nearly."""
    return quantiles(seconds, n=20)[-1] if len(seconds) > 1 else sum(seconds)
