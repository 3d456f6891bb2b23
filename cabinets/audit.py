"""Writes the audit trail: who changed what, before and after. Never pass a secret."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model

from cabinets.models import AuditEvent, Cabinet


def log_change(
    *,
    cabinet: Cabinet | None,
    actor: User | None,
    action: str,
    subject: Model,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append one event. ``actor`` is None for a periodic task. Call inside the transaction of the
    change, so that both are committed or neither.
    """
    event = new_event(cabinet, actor, action, subject, before=before, after=after)
    event.save()
    return event


def log_changes(events: Iterable[AuditEvent]) -> None:
    """Append the events of `new_event` together. Call inside the transaction of the changes."""
    AuditEvent.objects.bulk_create(events, batch_size=1_000)


def new_event(
    cabinet: Cabinet | None,
    actor: User | None,
    action: str,
    subject: Model,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEvent:
    """Return an event that is not stored yet, with the arguments of `log_change`."""
    return AuditEvent(
        cabinet=cabinet,
        actor=actor,
        action=action,
        object_type=subject._meta.label_lower,
        object_id=str(subject.pk),
        before=before or {},
        after=after or {},
    )
