"""Celery tasks: find the accounts that are due, refresh one account a task."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from counters.sync import refresh, stopped


@shared_task(name="counters.refresh_counters")
def refresh_counters() -> int:
    """Start a task for every account refreshed over an hour ago; return how many."""
    due = refresh.due(timezone.now())
    for account_id in due:
        refresh_account.delay(account_id)
    return len(due)


@shared_task(name="counters.refresh_account")
def refresh_account(account_id: int) -> bool:
    """Refresh one account's counters; a second task for the same account finds it claimed."""
    return refresh.refresh_account(account_id, now=timezone.now())


@shared_task(name="counters.check_stopped")
def check_stopped() -> int:
    """Check stopped counters whose cause may be gone; return how many go on."""
    return stopped.check_due(now=timezone.now())
