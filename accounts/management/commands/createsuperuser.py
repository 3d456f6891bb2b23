"""manage.py createsuperuser: Django's command, in one transaction with its audit event."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.db import transaction


class Command(createsuperuser.Command):
    """Django's own; the row and its event in the audit trail are committed together."""

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> str | None:
        """Run it."""
        return super().handle(*args, **options)
