"""Celery tasks. They carry no arguments: the database rows are the queue."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from notices import check, digest, sending, telegram
from notices.conditions import usual, watched

#: A message that has begun is waited for, so a run may take half a minute longer.
SEND_SECONDS = 20
RENEW_SECONDS = 60


@shared_task(name="notices.check_often")
def check_often() -> int:
    """Check the conditions of accounts, counters and sources."""
    return check.check(watched.OFTEN, now=timezone.now())


@shared_task(name="notices.check_seldom")
def check_seldom() -> int:
    """Check the conditions of calls and uploads."""
    return check.check(watched.SELDOM, now=timezone.now())


@shared_task(name="notices.check_flow")
def check_flow() -> int:
    """Compare the last hours with what is usual."""
    return check.check(watched.FLOW, now=timezone.now())


@shared_task(name="notices.renew_baselines")
def renew_baselines() -> int:
    """Renew what is usual, of the cabinets that are due."""
    return usual.renew(now=timezone.now(), seconds=RENEW_SECONDS)


@shared_task(name="notices.send")
def send() -> int:
    """Send due messages."""
    return sending.send_due(seconds=SEND_SECONDS)


@shared_task(name="notices.queue_digests")
def queue_digests() -> int:
    """Queue the digests of the morning."""
    return digest.queue_due(now=timezone.now())


@shared_task(name="notices.read_telegram")
def read_telegram() -> int:
    """Link the Telegram chats whose one-time codes have come."""
    return telegram.read_updates(now=timezone.now())


@shared_task(name="notices.delete_old")
def delete_old() -> int:
    """Delete notices and messages past their retention."""
    return check.delete_old(now=timezone.now())
