"""Celery tasks of `tokens`: find the accounts that are due, and handle one account per task."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from integrations.limits import outages
from integrations.tokens import probe, refresh


@shared_task(name="integrations.refresh_tokens")
def refresh_tokens() -> int:
    """Start a task for each account whose token is old or expires soon; return how many."""
    due = refresh.due(timezone.now())
    for account_id in due:
        refresh_account.delay(account_id)
    return len(due)


@shared_task(name="integrations.refresh_account")
def refresh_account(account_id: int) -> str:
    """Refresh one account's token; a second task for the same account finds it claimed."""
    return refresh.refresh(account_id, now=timezone.now()).value


@shared_task(name="integrations.probe_refused")
def probe_refused() -> int:
    """Start a task for each account whose rejected token is due for a probe; return how many."""
    due = probe.due(timezone.now())
    for account_id in due:
        probe_account.delay(account_id)
    return len(due)


@shared_task(name="integrations.probe_account")
def probe_account(account_id: int) -> bool:
    """Probe one account's token; a second task for the same account finds it claimed."""
    return probe.probe(account_id, now=timezone.now())


@shared_task(name="integrations.watch_yandex")
def watch_yandex() -> int:
    """Find out whether Yandex fails for many; return how many outages began or ended."""
    return outages.watch(now=timezone.now())
