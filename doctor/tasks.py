"""Celery tasks. They carry no arguments: the database rows are the queue."""

from __future__ import annotations

from celery import shared_task

from doctor import run

#: A request that has begun is waited for, so a run may take a minute longer.
EXAMINE_SECONDS = 20


@shared_task(name="doctor.examine")
def examine() -> int:
    """Make the steps of checks that people ordered."""
    return run.run(seconds=EXAMINE_SECONDS)
