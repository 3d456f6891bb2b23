"""The timetable of beat. Every row is a harmless nudge: rows in the database hold the work."""

from __future__ import annotations

from typing import Any

# A nudge older than its interval is worthless; expiry keeps a stopped worker's queue short.
SCHEDULE: dict[str, dict[str, Any]] = {
    # A call waits at most UPLOAD_MIN_WAIT_SECONDS plus this.
    "build-uploads": {"task": "calls.build_uploads", "schedule": 5.0, "options": {"expires": 10}},
    "send-due": {"task": "calls.send_due", "schedule": 5.0, "options": {"expires": 10}},
    "poll-open": {"task": "calls.poll_open", "schedule": 5.0, "options": {"expires": 10}},
    # Unclear uploads are asked about here; each lookup keeps its own spacing in the row.
    "resolve-unclear": {
        "task": "calls.resolve_unclear",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    # One step of a search: the half that was sent before has to be settled first.
    "isolate-refused": {
        "task": "calls.isolate_refused",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    # A worker that died is noticed one lease later, plus this.
    "release-stuck": {"task": "calls.release_stuck", "schedule": 15.0, "options": {"expires": 30}},
    "expire-overdue": {"task": "calls.expire_overdue", "schedule": 300.0},
    # Every counter is compared once a day; a tick takes those that are due, so none is forgotten.
    "reconcile": {"task": "calls.reconcile", "schedule": 600.0, "options": {"expires": 600}},
    # Partitions are three months ahead, so a day without this hurts nobody; after a longer stop the
    # minutes are how long /readyz stays red.
    "make-partitions": {
        "task": "calls.make_partitions",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    # Answers are kept for a week; an hour more hurts nobody.
    "forget-receipts": {"task": "calls.forget_receipts", "schedule": 3600.0},
    # Renamed, deleted and lost counters are noticed within the hour.
    "refresh-counters": {"task": "counters.refresh_counters", "schedule": 300.0},
    # Each account is renewed about every 90 days; the hourly look only finds who is due.
    "refresh-tokens": {"task": "integrations.refresh_tokens", "schedule": 3600.0},
    # A refused token is tried once an hour; the look only finds whose hour is over.
    "probe-refused": {"task": "integrations.probe_refused", "schedule": 300.0},
    # /readyz tells whether beat and a worker are alive by the age of this mark.
    "heartbeat": {"task": "calls.heartbeat", "schedule": 5.0, "options": {"expires": 20}},
}
