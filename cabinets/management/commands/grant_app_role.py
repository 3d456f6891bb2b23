"""Gives the database role of the web server and the workers its rights, after every migration."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cabinets.app_role import RoleTooStrong, grant


class Command(BaseCommand):
    """Run as the owner of the tables; APP_DATABASE_URL names the role and its password."""

    help = "Make the database role of APP_DATABASE_URL and give it the rights that it needs."

    def handle(self, *args: Any, **options: Any) -> None:
        url = urlsplit(settings.APP_DATABASE_URL)
        role, password = unquote(url.username or ""), unquote(url.password or "")
        if not role or not password:
            raise CommandError(
                "APP_DATABASE_URL is not set, or names no role and password: see .env.example."
            )
        try:
            grant(role, password)
        except RoleTooStrong:
            raise CommandError(
                f"{role} owns tables, is a superuser or a member of their owner:"
                " the services need a role of their own."
            ) from None
        self.stdout.write(f"{role} may read and write, and owns nothing.")
