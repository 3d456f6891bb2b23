"""The clock's door to `refreshing`: finds who is due, looks at one account a task."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from counters.sync import sync


@shared_task(name="counters.refresh_counters")
def refresh_counters() -> int:
    """Hand out the accounts whose counters were looked at over an hour ago; return how many."""
    due = sync.due(timezone.now())
    for account_id in due:
        refresh_account.delay(account_id)
    return len(due)


@shared_task(name="counters.refresh_account")
def refresh_account(account_id: int) -> bool:
    """Look at one account's counters; a second task for the same account finds it claimed."""
    return sync.refresh_account(account_id, now=timezone.now())
