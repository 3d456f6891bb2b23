"""When a worker counts as deaf; that a real one ends is in tests/faults/test_broker.py."""

from __future__ import annotations

from pytest_django import Settings

from callkeeper_metrika.watchdog import LOOKS, Watch, _queued

LIMIT, BUSY_LIMIT = 120, 300


def looks(*, taken: int | list[int], running: int = 0, queued: int = 1, count: int = 100) -> int:
    """Return after how many looks it is over; 0 when it is not by the last."""
    watch = Watch(limit_seconds=LIMIT, busy_limit_seconds=BUSY_LIMIT)
    for number in range(count):
        total = taken if isinstance(taken, int) else taken[min(number, len(taken) - 1)]
        if watch.is_over(taken=total, running=running, queued=queued):
            return number
    return 0


def test_worker_that_takes_nothing_while_tasks_wait_is_over_after_its_limit() -> None:
    assert looks(taken=7) == LOOKS


def test_every_task_taken_begins_the_silence_anew() -> None:
    assert looks(taken=[1] * LOOKS + [2]) == 2 * LOOKS
    assert looks(taken=list(range(100))) == 0


def test_nothing_to_take_is_no_silence() -> None:
    assert looks(taken=7, queued=0) == 0


def test_long_task_has_the_time_that_any_may_take_and_a_margin() -> None:
    assert looks(taken=7, running=1) == LOOKS * BUSY_LIMIT // LIMIT


def test_broker_that_is_away_is_nobodys_silence(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"

    assert _queued() == 0
