"""Nudges for the use cases. They carry no data: rows say what is to be done."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down
from django.utils import timezone

from calls.delivery import batching, bisection, expiry, lookup, polling, recovery, sending
from calls.ingest import idempotency
from calls.reconciliation import run
from calls.runtime import concurrency, heartbeat, partitions, shutdown
from integrations.limits import request_budget

#: Well below the soft time limit, so that a tick ends by itself between two uploads.
SEND_SECONDS = 20
RECONCILE_SECONDS = 120


@worker_shutting_down.connect
def stop_between_uploads(**_details: Any) -> None:
    """Let a stopped worker end after the upload that is on its way, not after its whole tick."""
    shutdown.request()


@shared_task(name="calls.build_uploads")
def build_uploads() -> int:
    """Gather what waits into uploads."""
    return batching.build_uploads(now=timezone.now())


@shared_task(name="calls.send_due")
def send_due() -> int:
    """Send what is due, unless enough others are at it."""
    with concurrency.place() as is_free:
        return sending.send_due(seconds=SEND_SECONDS) if is_free else 0


@shared_task(name="calls.poll_open")
def poll_open() -> int:
    """Ask Metrika what became of open uploads."""
    return polling.poll_open()


@shared_task(name="calls.resolve_unclear")
def resolve_unclear() -> int:
    """Look up uploads whose answer was lost."""
    return lookup.resolve_unclear()


@shared_task(name="calls.isolate_refused")
def isolate_refused() -> int:
    """Search refused files for the row they were refused for."""
    return bisection.isolate_refused(now=timezone.now())


@shared_task(name="calls.release_stuck")
def release_stuck() -> int:
    """Take uploads from silent workers."""
    return recovery.release_stuck(now=timezone.now())


@shared_task(name="calls.expire_overdue")
def expire_overdue() -> int:
    """End what can no longer be linked."""
    return expiry.expire_overdue(now=timezone.now())


@shared_task(name="calls.reconcile")
def reconcile() -> int:
    """Compare counters with Metrika, each once a day."""
    return run.reconcile_due(now=timezone.now(), seconds=RECONCILE_SECONDS)


@shared_task(name="calls.make_partitions")
def make_partitions() -> list[str]:
    """Make the months ahead and mend those that came too late; sweep counts of seconds gone by."""
    now = timezone.now()
    made = partitions.keep_up(now=now)
    request_budget.delete_old_seconds(now)
    return made


@shared_task(name="calls.forget_receipts")
def forget_receipts() -> int:
    """Delete answers of deliveries that nobody repeats any more."""
    return idempotency.delete_expired(now=timezone.now())


@shared_task(name="calls.heartbeat")
def leave_heartbeat() -> None:
    """Show that beat and a worker are alive."""
    heartbeat.beat()
