"""P1: the bulk API, 500 calls a request, with signature, decisions and ledger."""

from __future__ import annotations

import json
import time
from statistics import median
from zoneinfo import ZoneInfo

from django.utils import timezone

from bench import world
from bench.figure import Contender, Fact, Figure
from bench.floors.copies import Copies
from bench.measure import wal_bytes
from bench.naive import models, work
from calls.ingest.content import items_of
from calls.ingest.parsing.record import read_records

STORED = ("calls_call", "calls_delivery")
#: Calls that are there before: a database without any rows is planned for as none in use is.
BEFORE = 1000


class Bulk(Figure):
    """Requests with the calls of one cabinet; subclasses name the number of its counters."""

    goal_floor = 0.50
    goal_naive = 6
    counters: int

    def prepare(self) -> None:
        self.world = world.make_world(self.counters)
        self.records = world.records(self.sizes.bulk_calls, prefix=f"1{self.counters}")
        self.bodies = world.bodies(self.records)
        models.make_tables()
        world.forget_calls()
        for body in world.bodies(world.records(min(BEFORE, self.sizes.bulk_calls), prefix="10")):
            self.world.post(body)
        self.before = Copies(("calls_callkey", *STORED))
        last = int(world.scalar("SELECT max(id) FROM calls_callkey"))
        self.product()
        self.copies = Copies(STORED, after=last)

    def reset(self, contender: Contender) -> None:
        if contender == "naive":
            models.make_tables()
        else:
            world.forget_calls()
            self.before.load()
            world.analyze()

    def product(self) -> int:
        for body in self.bodies:
            self.world.post(body)
        return len(self.records)

    def floor(self) -> int:
        self.copies.load()
        return len(self.records)

    def naive(self) -> int:
        numbers = [counter.number for counter in self.world.counters]
        return sum(work.store(json.loads(body), numbers) for body in self.bodies)

    def finish(self) -> None:
        models.drop_tables()
        self.reset("product")
        before = stored_bytes()
        wal = wal_bytes(self.product) / len(self.records)
        stored = (stored_bytes() - before) / len(self.records)
        rows = self.copies.rows["calls_delivery"] / len(self.records)
        self.facts += [
            Fact("ledger rows a call", rows, "rows", at_most=self.counters),
            Fact("WAL a call", wal, "bytes"),
            Fact("tables and indexes of calls, a call", stored, "bytes"),
        ]
        self.copies.forget()
        self.before.forget()
        world.forget_calls()


def stored_bytes() -> int:
    """Return the size of the tables of calls and of the ledger, with their indexes."""
    return int(
        world.scalar(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE relkind = 'r' AND relname ~ '^calls_(call|callkey|delivery)'"
        )
    )


class OneCounter(Bulk):
    """One counter; also what reading costs beside `json.loads` of the same bytes."""

    title = "P1 bulk API, 500 a request, 1 counter"
    counters = 1

    def finish(self) -> None:
        self.facts.append(
            Fact("reading ÷ json.loads of the same bytes", self._reading(), "×", at_most=3)
        )
        super().finish()

    def _reading(self) -> float:
        body, zone = self.bodies[0], ZoneInfo("Europe/Moscow")
        ratios = []
        for _round in range(max(3, self.sizes.rounds)):
            began = time.process_time()
            json.loads(body)
            between = time.process_time()
            items = items_of(body)
            read_records(
                items,
                source_id=self.world.source.public_id,
                zone=zone,
                now=timezone.now(),
                region=self.world.source.region,
            )
            ratios.append((time.process_time() - between) / max(between - began, 1e-9))
        return median(ratios)


class TwoCounters(Bulk):
    """Two counters."""

    title = "P1 bulk API, 500 a request, 2 counters"
    counters = 2


class FiveCounters(Bulk):
    """Five counters."""

    title = "P1 bulk API, 500 a request, 5 counters"
    counters = 5
