"""Writes the audit trail: who changed what, before and after. Never a secret."""

from __future__ import annotations

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
    """Append one event. ``actor`` is None when the clock did it. Call inside the change's own
    transaction, so that the change and its trace stand or fall together.
    """
    return AuditEvent.objects.create(
        cabinet=cabinet,
        actor=actor,
        action=action,
        object_type=subject._meta.label_lower,
        object_id=str(subject.pk),
        before=before or {},
        after=after or {},
    )
