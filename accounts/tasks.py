"""Celery tasks of signing in."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from accounts.sessions import SessionStore
from integrations.linking import state


@shared_task(name="accounts.purge")
def purge() -> None:
    """Delete expired sessions and link attempts past their retention (docs/operations.md)."""
    SessionStore.clear_expired()
    state.delete_old(now=timezone.now())
