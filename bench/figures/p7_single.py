"""P7: one signed call a request, over sixteen connections, and what one costs the database."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import quantiles
from typing import Any

from django.db import connection

from bench import world
from bench.figure import Contender, Fact, Figure
from bench.floors import raw_web
from bench.floors.copies import columns_of
from bench.load import request, send_all
from bench.measure import statements, wal_bytes
from bench.naive import models
from bench.web import WebServer
from calls.ingest.request_head import PATH

MILLISECONDS = 1000
#: PostgreSQL keeps one plan of a prepared statement after five executions.
WARM_UP = 6
#: The planned calls are of all kinds: those before them have an attempt of an order for sure.
WARM_UP_OF_ALL_KINDS = 30
PLANNED = 40
PROFILED = 300
CALL_KEYS = {"calls_callkey": "id", "calls_call": "id", "calls_delivery": "call_id"}


class Single(Figure):
    """Three web servers of the same kind, one a contender."""

    title = "P7 single signed call, 16 connections"
    goal_floor = 0.45
    goal_naive = 4
    is_client = True

    def prepare(self) -> None:
        world.forget_calls()
        self.world = world.make_world(1)
        self.sent = 0
        self.seconds: list[float] = []
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "template.json"
        file.write_text(raw_web.template(rows_of_a_call(self.world), self.world.secret))
        models.make_tables()
        numbers = ",".join(str(one.number) for one in self.world.counters)
        naive = {"DJANGO_SETTINGS_MODULE": "bench.naive.settings", "BENCH_COUNTERS": numbers}
        self.servers: dict[Contender, WebServer] = {
            "product": WebServer("callkeeper_metrika.wsgi:application", {}),
            "floor": WebServer("bench.floors.raw_web:application", {raw_web.TEMPLATE: str(file)}),
            "naive": WebServer(
                "bench.naive.web:application", naive | {"BENCH_SECRET": self.world.secret}
            ),
        }
        for server in self.servers.values():
            server.start()
        for contender, server in self.servers.items():
            # The first requests import modules and connect.
            send_all(server.port, self._requests(contender, 64))

    def reset(self, contender: Contender) -> None:
        is_naive = contender == "naive"
        count = self.sizes.naive_single_calls if is_naive else self.sizes.single_calls
        self.requests = self._requests(contender, count)

    def product(self) -> int:
        self.seconds += send_all(self.servers["product"].port, self.requests)
        return len(self.requests)

    def floor(self) -> int:
        return len(send_all(self.servers["floor"].port, self.requests))

    def naive(self) -> int:
        return len(send_all(self.servers["naive"].port, self.requests))

    def profiled(self) -> int:
        """Post calls one by one in this process, without the web server."""
        calls = world.records(PROFILED, prefix="7r-", incoming_only=True)
        for body in [json.dumps(one).encode() for one in calls]:
            self.world.post(body)
        return PROFILED

    def finish(self) -> None:
        for server in self.servers.values():
            server.stop()
        if len(self.seconds) > 1:
            p95 = quantiles(self.seconds, n=20)[-1] * MILLISECONDS
            self.facts.append(Fact("p95 of the product", p95, "ms", at_most=25))
        self.facts += costs_of_a_call(self.world)
        self.facts += planning(self.world)
        models.drop_tables()
        self.folder.cleanup()
        world.forget_calls()

    def _requests(self, contender: Contender, count: int) -> list[bytes]:
        self.sent += 1
        calls = world.records(count, prefix=f"7{self.sent}-")
        made = [json.dumps(one, ensure_ascii=False).encode() for one in calls]
        port = self.servers[contender].port
        return [request(PATH, port, self.world.headers(body), body) for body in made]


def costs_of_a_call(owner: world.World) -> list[Fact]:
    """Return how many statements, ledger rows and bytes of WAL one new call costs."""
    calls = world.records(WARM_UP + 2, prefix="7c-", incoming_only=True)
    made = [json.dumps(one).encode() for one in calls]
    for body in made[:WARM_UP]:
        owner.post(body)
    counted = statements(lambda: owner.post(made[-2]))
    before = int(world.scalar("SELECT count(*) FROM calls_delivery"))
    wal = wal_bytes(lambda: owner.post(made[-1]))
    rows = int(world.scalar("SELECT count(*) FROM calls_delivery")) - before
    return [
        Fact("statements a call", len(counted), "statements", at_most=5),
        Fact("ledger rows a call", rows, "rows", at_most=len(owner.counters)),
        Fact("WAL a call", wal, "bytes"),
    ]


def planning(owner: world.World) -> list[Fact]:
    """Return how many kinds of statements were planned longer than they ran, in one session.

    Empty without `pg_stat_statements`, which the servers of `bench/run` have.
    """
    loaded = world.scalar("SHOW shared_preload_libraries")
    if "pg_stat_statements" not in loaded:
        return []
    world.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    calls = world.records(WARM_UP_OF_ALL_KINDS + PLANNED, prefix="7p-")
    made = [json.dumps(one).encode() for one in calls]
    for body in made[:WARM_UP_OF_ALL_KINDS]:
        owner.post(body)
    world.execute("SELECT pg_stat_statements_reset()")
    world.execute("SET pg_stat_statements.track = 'top'")
    world.execute("SET pg_stat_statements.track_planning = on")
    for body in made[WARM_UP_OF_ALL_KINDS:]:
        owner.post(body)
    world.execute("SET pg_stat_statements.track = 'none'")
    slow, plan, run = world.rows(
        "SELECT count(*) FILTER (WHERE total_plan_time > total_exec_time),"
        f" sum(total_plan_time) / {PLANNED}, sum(total_exec_time) / {PLANNED}"
        " FROM pg_stat_statements WHERE query NOT LIKE 'SET%'"
    )[0]
    return [
        Fact("statements planned longer than they run", slow, "statements", at_most=0),
        Fact("planning a call", plan, "ms"),
        Fact("running a call", run, "ms"),
    ]


def rows_of_a_call(owner: world.World) -> dict[str, list[dict[str, tuple[str, str | None]]]]:
    """Store one call and return its rows as `raw_web.template` takes them."""
    record = world.records(1, prefix="7t-", incoming_only=True)[0]
    call = owner.post(json.dumps(record).encode())["results"][0]["call_id"]
    rows = {
        table: _texts(table, f"{column} = {int(call)}", without="id" if column != "id" else "")
        for table, column in CALL_KEYS.items()
    }
    source = f"source_id = {owner.source.pk}"
    of_source = ("calls_intake", "calls_ingestreceipt")
    return rows | {table: _texts(table, source, without="id") for table in of_source}


def _texts(table: str, where: str, *, without: str) -> list[dict[str, tuple[str, str | None]]]:
    columns = [column for column in columns_of(table) if column != without]
    texts = ", ".join(f"{column}::text, pg_typeof({column})::text" for column in columns)
    found: list[dict[str, tuple[str, str | None]]] = []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {texts} FROM {table} WHERE {where}")
        for row in cursor.fetchall():
            pairs: list[Any] = list(zip(row[1::2], row[::2], strict=True))
            found.append(dict(zip(columns, pairs, strict=True)))
    return found
