"""Builds the schema of a new database quickly. Run by `./run` before `migrate`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from devtools import schema_image


class Command(BaseCommand):
    """Leaves a database that has tables as it is."""

    help = "Create the tables of a new database, quicker than `migrate`, which is still needed."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        schema_image.build()
