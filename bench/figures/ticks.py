"""What beat and the probes cost with many calls and counters, when nothing is to do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from statistics import median

from celery import current_app
from django.conf import settings
from django.test import Client

from bench import world
from bench.figure import Fact
from bench.measure import timed
from callkeeper_metrika.schedule import SCHEDULE
from counters.models import Counter

MILLISECONDS = 1000
TIMES = 5
PROBES = ("/readyz", "/metrics")


def facts(title: str, *, counters: int) -> list[Fact]:
    """Return the share of a core that the schedule takes, and how long the probes answer.

    There are at least so many ``counters`` then; each task has run before, so nothing is due.
    """
    present = Counter.objects.count()
    if present < counters:
        world.make_world(counters - present)
        world.execute("ANALYZE counters_counter")
    share = Fact(f"{title}: ticks, of a core", 100 * share_of_ticks(), "%", at_most=2)
    return [share, *(_probe(title, path) for path in PROBES)]


def share_of_ticks() -> float:
    """Return the share of a core that all tasks of the schedule take, when nothing is to do."""
    current_app.loader.import_default_modules()
    share = 0.0
    for entry in SCHEDULE.values():
        task = current_app.tasks[entry["task"]]
        _quietly(task)
        share += timed(partial(_repeat, task)).cpu / TIMES / entry["schedule"]
    return share


def _quietly(task: Callable[[], object]) -> None:
    """Run the task once. Of a Metrika that has no file at all the comparison logs errors."""
    logging.disable(logging.CRITICAL)
    try:
        task()
    finally:
        logging.disable(logging.NOTSET)


def _repeat(task: Callable[[], object]) -> int:
    for _time in range(TIMES):
        task()
    return TIMES


def _probe(title: str, path: str) -> Fact:
    client = Client(SERVER_NAME="127.0.0.1", SERVER_PORT="8000")
    headers = {"authorization": f"Bearer {settings.METRICS_TOKEN}"}

    def answer() -> int:
        client.get(path, headers=headers)
        return 1

    seconds = [timed(answer).wall for _time in range(TIMES)]
    return Fact(f"{title}: {path}", median(seconds) * MILLISECONDS, "ms")
