"""Celery tasks of signing in."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from accounts.sessions import SessionStore
from cabinets import invitations
from integrations.linking import state


@shared_task(name="accounts.purge")
def purge() -> None:
    """Delete expired sessions, old link attempts and invitations (docs/operations.md)."""
    now = timezone.now()
    SessionStore.clear_expired()
    state.delete_old(now=now)
    invitations.delete_old(now=now)
