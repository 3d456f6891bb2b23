"""P3: decisions of stored calls, in steps of 500."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from bench import world
from bench.figure import Contender, Figure
from bench.floors.copies import Copies
from bench.naive import models, work
from calls.decision.decide import decide
from calls.models import Call


class Decisions(Figure):
    """Subclasses name the number of counters."""

    unit = "rows/s"
    goal_floor = 0.50
    counters: int

    def prepare(self) -> None:
        self.world = world.make_world(self.counters)
        records = world.records(self.sizes.decided_calls, prefix=f"3{self.counters}")
        world.forget_calls()
        for body in world.bodies(records):
            self.world.post(body)
        self.ids = list(Call.objects.order_by("pk").values_list("pk", flat=True))
        self.copies = Copies(("calls_delivery",))
        models.make_tables()
        self.calls = models.NaiveCall.objects.bulk_create(map(work.call_of, records), 1000)

    def reset(self, contender: Contender) -> None:
        if contender == "naive":
            models.NaiveDelivery.objects.all().delete()
        else:
            world.forget_deliveries()

    def product(self) -> int:
        for ids in world.chunks(self.ids):
            with transaction.atomic():
                decide(ids, now=timezone.now())
        return self.copies.rows["calls_delivery"]

    def floor(self) -> int:
        self.copies.load()
        return self.copies.rows["calls_delivery"]

    def naive(self) -> int:
        numbers = [counter.number for counter in self.world.counters]
        return sum(work.decide(calls, numbers) for calls in world.chunks(self.calls))

    def finish(self) -> None:
        models.drop_tables()
        self.copies.forget()
        world.forget_calls()


class OneCounter(Decisions):
    """One counter."""

    title = "P3 decisions in steps of 500, 1 counter"
    counters = 1


class ThreeCounters(Decisions):
    """Three counters."""

    title = "P3 decisions in steps of 500, 3 counters"
    counters = 3
