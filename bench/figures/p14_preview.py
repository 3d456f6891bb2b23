"""P14: the preview of settings over the calls of seven days."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from decimal import Decimal
from functools import partial
from statistics import median
from typing import Any

from django.utils import timezone

from bench import week, world
from bench.figure import Fact, Figure, Run
from bench.measure import timed
from calls.queries.settings_preview import DAYS, preview_of
from counters.models import Counter, Goal

MILLISECONDS = 1000
#: Both channels, a goal of callbacks, and prices by tag, kind, first call and duration.
SAVED: Mapping[str, Any] = {
    "price": Decimal(100),
    "value_rules": [
        {"tag": "Запись на замер", "price": "900.00", "currency": "RUB"},
        {"kind": "callback", "is_first": True, "price": "700.00", "currency": "RUB"},
        {"min_seconds": 120, "price": "300.00", "currency": "RUB"},
    ],
}
#: What is edited: the title of the case → the settings that differ from the saved ones.
CASES: Mapping[str, Mapping[str, Any]] = {
    "saved settings": {},
    "another duration": {"min_duration_seconds": 30},
    "four filters": {
        "call_kind": Counter.CallKind.INCOMING,
        "min_duration_seconds": 30,
        "call_status": Counter.CallStatus.SUCCESS,
        "uniqueness": Counter.Uniqueness.UNIQUE,
    },
    "another order of identifiers": {"identifier_order": ["Yclid", "ClientId", "UserId"]},
}
#: Counts the same calls by one of their columns.
FLOOR = f"""SELECT kind, count(*), max(id) FROM calls_call
    WHERE cabinet_id = %s AND partition_at >= %s::timestamptz - interval '{DAYS + 3} days'
      AND started_at >= %s::timestamptz - interval '{DAYS} days' AND started_at <= %s
    GROUP BY kind"""


class Preview(Figure):
    """Each case in turn with the floor; a core, because PostgreSQL's workers are others' time."""

    title = "P14 preview of settings"
    contenders = ("product", "floor")

    def prepare(self) -> None:
        world.forget_calls()
        owner = world.make_world(1)
        self.saved = _configured(owner.counters[0])
        week.store(owner, self.sizes.preview_calls)
        world.execute("SET max_parallel_workers_per_gather = 0")
        self.of_case: dict[str, list[Run]] = {title: [] for title in CASES}
        self.counts: list[Run] = []

    def product(self) -> float:
        for title, changes in CASES.items():
            self.of_case[title].append(timed(partial(self._preview, changes)))
        return sum(runs[-1].units for runs in self.of_case.values())

    def floor(self) -> float:
        self.counts += [timed(self._count) for _case in CASES]
        return sum(run.units for run in self.counts[-len(CASES) :])

    def finish(self) -> None:
        floor = median(run.wall for run in self.counts)
        for title, runs in self.of_case.items():
            self.facts += _facts(title, runs, floor)
        world.execute("RESET max_parallel_workers_per_gather")
        world.forget_calls()

    def _preview(self, changes: Mapping[str, Any]) -> float:
        draft = copy(self.saved)
        for name, value in changes.items():
            setattr(draft, name, value)
        preview = preview_of(draft, self.saved, now=timezone.now())
        return preview.total + preview.unrouted.total()

    def _count(self) -> float:
        found = world.rows(FLOOR, [self.saved.cabinet_id, *[timezone.now()] * 3])
        return float(sum(count for _kind, count, _newest in found))


def _configured(counter: Counter) -> Counter:
    goals = {"goal": "calltracking_call_order", "callback_goal": "call"}
    for number, (name, identifier) in enumerate(goals.items(), start=1):
        goal = Goal.objects.create(
            counter=counter, goal_id=number, name=identifier, identifier=identifier
        )
        setattr(counter, name, goal)
    for name, value in SAVED.items():
        setattr(counter, name, value)
    counter.save()
    return counter


def _facts(title: str, runs: list[Run], floor: float) -> list[Fact]:
    calls = f"{runs[0].units:,.0f} calls, {title}"
    wall, cpu = median(run.wall for run in runs), median(run.cpu for run in runs)
    return [
        Fact(calls, wall * MILLISECONDS, "ms", at_most=300),
        Fact(f"{calls}: processor time", cpu * MILLISECONDS, "ms", at_most=300),
        Fact(f"{calls}: time ÷ floor", wall / floor, "×"),
    ]
