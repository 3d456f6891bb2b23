"""Celery tasks. They carry no arguments: the database rows are the queue."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down
from django.utils import timezone

from calls.bulk import run as bulk
from calls.delivery import (
    backfill,
    batching,
    bisection,
    expiry,
    look,
    lookup,
    manifest,
    polling,
    recovery,
    redecision,
    sending,
)
from calls.ingest import idempotency
from calls.pages.ledger_export import job as ledger_export
from calls.proof import days as proof_days
from calls.proof import run as proof
from calls.queries import freshness
from calls.reconciliation import chart_notes, reports, run
from calls.runtime import heartbeat, partitions, retention, shutdown
from calls.summary import refresh as summary
from calls.ways import retention as ways_retention
from calls.ways import watch
from calls.ways.imports import files as import_files
from calls.ways.imports import run as imports
from calls.ways.pull import run as pull
from integrations.installation import guard
from integrations.limits import request_budget

#: When this worker started. Its processes are forked from the one that imports this module, so they
#: share it.
STARTED_AT = timezone.now()
#: Seconds of one run; well below the soft time limit, so that a run ends between two uploads. Beat
#: queues sending every five seconds, so about two runs overlap, even in a worker of all queues.
SEND_SECONDS = 10
REDECIDE_SECONDS = 10
BACKFILL_SECONDS = 10
#: A request that has begun is waited for, so a run may take a minute or two longer.
PULL_SECONDS = 20
#: A long file is read in turns: each finds its place anew, and the soft limit is 210.
IMPORT_SECONDS = 90
RECONCILE_SECONDS = 120
BULK_SECONDS = 10
#: A person waits for the report on the page; a request may take a minute longer.
REPORT_SECONDS = 20
PROOF_SECONDS = 20
#: A part of the logs is read in one go: of a large site it takes long, and is not read in turns.
PROOF_TIME_LIMIT = 3600
SUMMARY_SECONDS = 20
EXPORT_SECONDS = 10


@worker_shutting_down.connect
def stop_between_uploads(**_details: Any) -> None:
    """On shutdown, stop after the upload being sent instead of after the whole run."""
    shutdown.request()


@shared_task(name="calls.build_uploads")
def build_uploads() -> int:
    """Batch waiting deliveries into uploads."""
    return batching.build_uploads(now=timezone.now(), seconds=batching.BUILD_SECONDS)


@shared_task(name="calls.send_due")
def send_due() -> int:
    """Send due uploads. Routed to the queue `send`, whose workers limit the concurrency."""
    guard.note_start(STARTED_AT)
    return sending.send_due(seconds=SEND_SECONDS)


@shared_task(name="calls.poll_open")
def poll_open() -> int:
    """Poll Metrika for the result of open uploads."""
    return polling.poll_open()


@shared_task(name="calls.resolve_unclear")
def resolve_unclear() -> int:
    """Look up uploads whose response was lost."""
    return lookup.resolve_unclear()


@shared_task(name="calls.look_before_send")
def look_before_send() -> int:
    """Read lists of Metrika before the first send after a start."""
    return look.look_before_send()


@shared_task(name="calls.isolate_refused")
def isolate_refused() -> int:
    """Bisect refused files to find the row they were refused for."""
    return bisection.isolate_refused(now=timezone.now())


@shared_task(name="calls.release_stuck")
def release_stuck() -> int:
    """Release uploads whose worker's lease has expired."""
    return recovery.release_stuck(now=timezone.now())


@shared_task(name="calls.apply_changes")
def apply_changes() -> int:
    """Decide again what waits for changed counters."""
    return redecision.run(seconds=REDECIDE_SECONDS)


@shared_task(name="calls.run_bulk")
def run_bulk() -> int:
    """Go on with actions on what a filter of a history shows."""
    return bulk.run_due(seconds=BULK_SECONDS)


@shared_task(name="calls.run_backfills")
def run_backfills() -> int:
    """Count and send past calls that people ordered by days."""
    return backfill.run(seconds=BACKFILL_SECONDS)


@shared_task(name="calls.pull_calls")
def pull_calls() -> int:
    """Pull calls of due sources from CallKeeper's API."""
    return pull.pull_due(seconds=PULL_SECONDS)


@shared_task(name="calls.run_imports")
def run_imports() -> int:
    """Check and store files that people uploaded."""
    return imports.run_due(seconds=IMPORT_SECONDS)


@shared_task(name="calls.run_exports")
def run_exports() -> int:
    """Go on with files of the ledger that people ordered, and delete old ones."""
    return ledger_export.run_due(seconds=EXPORT_SECONDS)


@shared_task(name="calls.expire_overdue")
def expire_overdue() -> int:
    """Expire calls past Metrika's 21 days."""
    return expiry.expire_overdue(now=timezone.now())


@shared_task(name="calls.reconcile")
def reconcile() -> int:
    """Reconcile each counter with Metrika once a day."""
    return run.reconcile_due(now=timezone.now(), seconds=RECONCILE_SECONDS)


@shared_task(name="calls.read_reports")
def read_reports() -> int:
    """Read Metrika's reports of the counters that are due: every night, or by a person's order."""
    return reports.read_due(seconds=REPORT_SECONDS)


@shared_task(name="calls.plan_proofs")
def plan_proofs() -> int:
    """Order the logs of days that are over, once a night for every counter that has it on."""
    return proof_days.plan(now=timezone.now())


@shared_task(
    name="calls.prove_links", soft_time_limit=PROOF_TIME_LIMIT, time_limit=PROOF_TIME_LIMIT + 30
)
def prove_links() -> int:
    """Take requests for Metrika's logs further, and judge by them what the reports miss."""
    steps = proof.run_due(seconds=PROOF_SECONDS)
    reports.judge_proved(now=timezone.now())
    return steps


@shared_task(name="calls.write_chart_notes")
def write_chart_notes() -> int:
    """Write notes on Metrika's charts: settings changed, delivery stood still."""
    return chart_notes.write_due(seconds=REPORT_SECONDS)


@shared_task(name="calls.make_partitions")
def make_partitions() -> list[str]:
    """Create partitions ahead, move misplaced rows, delete request counts of past seconds."""
    now = timezone.now()
    made = partitions.keep_up(now=now)
    request_budget.delete_old_seconds(now)
    return made


@shared_task(name="calls.drop_old_months")
def drop_old_months() -> list[str]:
    """Drop the months that are older than KEEP_MONTHS."""
    return [f"{month:%Y-%m}" for month in retention.drop_old_months(now=timezone.now())]


@shared_task(name="calls.forget_receipts")
def forget_receipts() -> int:
    """Delete stored responses past the time in which a request may be repeated."""
    return idempotency.delete_expired(now=timezone.now())


@shared_task(name="calls.roll_up_intake")
def roll_up_intake() -> int:
    """Roll up counts of requests; delete what came in and is past its time."""
    now = timezone.now()
    # First: the counts must not wait for a deletion that fails.
    rolled_up = ways_retention.roll_up(now=now)
    ways_retention.delete_old(now=now)
    import_files.delete_old(now=now)
    return rolled_up


@shared_task(name="calls.prune_manifests")
def prune_manifests() -> int:
    """Delete the manifests of files that are too old to be taken over."""
    return manifest.prune(now=timezone.now())


@shared_task(name="calls.watch_fields")
def watch_fields() -> int:
    """Count the fields of each source's last records, and find those that have become empty."""
    return watch.watch_fields(now=timezone.now())


@shared_task(name="calls.refresh_summary")
def refresh_summary() -> int:
    """Count anew the hours in which calls or deliveries changed."""
    return summary.refresh(now=timezone.now(), seconds=SUMMARY_SECONDS)


@shared_task(name="calls.count_freshness")
def count_freshness() -> int:
    """Count how long calls took until Metrika accepted them."""
    return freshness.count(now=timezone.now())


@shared_task(name="calls.heartbeat")
def leave_heartbeat() -> None:
    """Record that beat and a worker are alive."""
    heartbeat.beat()
