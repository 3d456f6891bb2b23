"""The schedule of beat. Tasks carry no data and may run twice: the database is the queue."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab

# A task older than its interval is useless; a worker discards what expired while it was stopped.
SCHEDULE: dict[str, dict[str, Any]] = {
    # A call waits at most UPLOAD_MIN_WAIT_SECONDS plus this.
    "build-uploads": {"task": "calls.build_uploads", "schedule": 5.0, "options": {"expires": 10}},
    "send-due": {"task": "calls.send_due", "schedule": 5.0, "options": {"expires": 10}},
    "poll-open": {"task": "calls.poll_open", "schedule": 5.0, "options": {"expires": 10}},
    # Looks up unclear uploads; the time of the next lookup is in the row.
    "resolve-unclear": {
        "task": "calls.resolve_unclear",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    # After a start: reads the lists of Metrika with something to send, each once.
    "look-before-send": {
        "task": "calls.look_before_send",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    # One step of a bisection: the half that was sent before must be settled first.
    "isolate-refused": {
        "task": "calls.isolate_refused",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    # Decides again what waits for a changed counter; until the end nothing of it is sent.
    "apply-changes": {
        "task": "calls.apply_changes",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    # Goes on with large actions on a filter of a history; people wait on their page for the end.
    "run-bulk": {"task": "calls.run_bulk", "schedule": 3.0, "options": {"expires": 10}},
    # Counts and sends past calls; people wait on the page for the count and the end.
    "run-backfills": {
        "task": "calls.run_backfills",
        "schedule": 3.0,
        "options": {"expires": 10},
    },
    # Checks that people ordered: they wait for them on the page.
    "examine": {"task": "doctor.examine", "schedule": 3.0, "options": {"expires": 10}},
    # Reads calls from CallKeeper's API; each source is due every PULL_MINUTES.
    "pull-calls": {"task": "calls.pull_calls", "schedule": 10.0, "options": {"expires": 20}},
    # Reads uploaded files; people wait on their page for the check and the end.
    "run-imports": {"task": "calls.run_imports", "schedule": 3.0, "options": {"expires": 10}},
    # Makes large files of the ledger; people wait on their page for the end.
    "run-exports": {"task": "calls.run_exports", "schedule": 3.0, "options": {"expires": 10}},
    # A dead worker is noticed one lease later, plus this interval.
    "release-stuck": {"task": "calls.release_stuck", "schedule": 15.0, "options": {"expires": 30}},
    "expire-overdue": {"task": "calls.expire_overdue", "schedule": 300.0},
    # Every counter is compared once a day; each run takes those that are due.
    "reconcile": {"task": "calls.reconcile", "schedule": 600.0, "options": {"expires": 600}},
    # Nobody waits for a note on Metrika's charts.
    "write-chart-notes": {
        "task": "calls.write_chart_notes",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    # Each counter's report once a night; people who ordered one wait for it on the page.
    "read-reports": {"task": "calls.read_reports", "schedule": 5.0, "options": {"expires": 10}},
    # Each counter has a night of its own, by its time zone.
    "plan-proofs": {"task": "calls.plan_proofs", "schedule": 600.0, "options": {"expires": 600}},
    # People who ordered it wait on the page; each request has its time in the row.
    "prove-links": {"task": "calls.prove_links", "schedule": 10.0, "options": {"expires": 20}},
    # Partitions are three months ahead, so a day without this does no harm; after a longer stop,
    # /readyz stays red for at most this interval.
    "make-partitions": {
        "task": "calls.make_partitions",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    # Only with KEEP_MONTHS; a month that is in use is tried again.
    "drop-old-months": {
        "task": "calls.drop_old_months",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    # Stored responses are kept for a week; an hour more does no harm.
    "forget-receipts": {"task": "calls.forget_receipts", "schedule": 3600.0},
    # Counts of requests are summed as well as those of hours; an hour more does no harm.
    "roll-up-intake": {
        "task": "calls.roll_up_intake",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    # Manifests of sent files are kept for 35 days; a day more does no harm.
    "prune-manifests": {"task": "calls.prune_manifests", "schedule": 86400.0},
    # What a source leaves out is noticed within the hour; a run reads the last two hours.
    "watch-fields": {"task": "calls.watch_fields", "schedule": 300.0, "options": {"expires": 300}},
    # Pages count the hours that changed since from the ledger itself, so a delay makes them slower,
    # and never wrong.
    "refresh-summary": {
        "task": "calls.refresh_summary",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    # What the page and /metrics show is at most five minutes old.
    "count-freshness": {
        "task": "calls.count_freshness",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    # What expired is refused already; this only frees the tables.
    "purge-sign-ins": {"task": "accounts.purge", "schedule": 3600.0},
    # Renamed, deleted and lost counters are noticed within the hour.
    "refresh-counters": {"task": "counters.refresh_counters", "schedule": 300.0},
    # A stopped counter is checked once an hour; a run takes those that are due.
    "check-stopped": {"task": "counters.check_stopped", "schedule": 300.0},
    # The token of an account is renewed about every 90 days; a run takes the accounts that are due.
    # «У Яндекса сбой» is told within two minutes.
    "watch-yandex": {
        "task": "integrations.watch_yandex",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "refresh-tokens": {"task": "integrations.refresh_tokens", "schedule": 3600.0},
    # A refused token is tried once an hour; a run takes those whose hour is over.
    "probe-refused": {"task": "integrations.probe_refused", "schedule": 300.0},
    # Conditions that need a person are told of within a minute or two; those of calls, which take
    # hours to become true, within ten.
    "check-notices": {
        "task": "notices.check_often",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "check-notices-of-calls": {
        "task": "notices.check_seldom",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    # Right after whole ten minutes: it counts by them.
    "check-flow": {
        "task": "notices.check_flow",
        "schedule": crontab(minute="*/10"),
        "options": {"expires": 600},
    },
    # Every cabinet once a night; a run takes those that are due.
    "renew-baselines": {
        "task": "notices.renew_baselines",
        "schedule": 900.0,
        "options": {"expires": 900},
    },
    "send-notices": {"task": "notices.send", "schedule": 10.0, "options": {"expires": 20}},
    "queue-digests": {
        "task": "notices.queue_digests",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    # A person waits for it on the page; without an open code it asks nothing of Telegram.
    "read-telegram": {"task": "notices.read_telegram", "schedule": 5.0, "options": {"expires": 10}},
    # Ended notices are kept for 90 days; a day more does no harm.
    "delete-old-notices": {"task": "notices.delete_old", "schedule": 86400.0},
    # /readyz checks by the age of this mark whether beat and a worker are alive.
    "heartbeat": {"task": "calls.heartbeat", "schedule": 5.0, "options": {"expires": 20}},
}
