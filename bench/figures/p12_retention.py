"""P12: a month of calls dropped beside the product, and how long others wait for it meanwhile."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from bench import months, world
from bench.figure import Fact, Figure
from calls.runtime import retention

#: Seconds between two reads of the session that tells how long the tables are locked.
PAUSE_SECONDS = 0.002


class Retention(Figure):
    """The month with most calls of those that lie two whole months back."""

    title = "P12 a month dropped"
    contenders = ()
    limits = 3

    def prepare(self) -> None:
        calls = self.sizes.page_calls[-1]
        if world.scalar("SELECT count(*) FROM calls_callkey") < calls:
            world.forget_calls()
            months.generate(calls)
        later = timezone.now() + timedelta(days=70)
        *_older, month = retention.old_months(now=later, keep=retention.LEAST_KEPT)
        rows = world.scalar(f"SELECT count(*) FROM calls_call_{month:%Y_%m}")
        deliveries = world.scalar(f"SELECT count(*) FROM calls_delivery_{month:%Y_%m}")
        waits = _Waits()
        began = time.perf_counter()
        retention.drop_month(month)
        took = time.perf_counter() - began
        title = f"{rows:,} calls and {deliveries:,} deliveries"
        self.facts.append(Fact(f"{title}: dropped in", took, "s"))
        self.facts.append(Fact(f"{title}: others waited", waits.longest(), "s", at_most=1))
        world.forget_calls()


class _Waits(threading.Thread):
    """A session that reads the newest calls over and over, as the product does."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._longest, self._is_done = 0.0, threading.Event()
        self._is_reading = threading.Event()
        self.start()
        self._is_reading.wait()

    def run(self) -> None:
        """Read until told to stop."""
        try:
            while not self._is_done.is_set():
                began = time.perf_counter()
                world.rows("SELECT max(id) FROM calls_call WHERE partition_at > now()")
                if self._is_reading.is_set():
                    self._longest = max(self._longest, time.perf_counter() - began)
                self._is_reading.set()
                time.sleep(PAUSE_SECONDS)
        finally:
            connection.close()

    def longest(self) -> float:
        """Stop, and return the seconds of the slowest read after the first."""
        self._is_done.set()
        self.join()
        return self._longest
