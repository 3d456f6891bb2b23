"""manage.py seed_access: creates a first user with a cabinet and a source of calls."""

from __future__ import annotations

import json
import secrets
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from cabinets.models import Cabinet, CallSource, Membership
from cabinets.sources import create_source

SOURCE_NAME = "CallKeeper"


class Command(BaseCommand):
    """Idempotent, except that a password that differs from the given one is replaced."""

    help = "Make a person with a cabinet and a source of calls; print their keys as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", default="demo")
        parser.add_argument("--password", help="made up when not given")
        parser.add_argument("--cabinet", default="Пробный кабинет", help="name of the cabinet")
        parser.add_argument("--time-zone", default="Europe/Moscow")
        parser.add_argument(
            "--demo", action="store_true", help="mark the cabinet as a demonstration"
        )
        parser.add_argument("--staff", action="store_true", help="let the person into /admin/ too")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        user, password = _user_of(options["username"], options["password"], options["staff"])
        cabinet = _cabinet_of(user, options["cabinet"], options["time_zone"], options["demo"])
        source, secret = _source_of(cabinet)
        answer = {
            "username": user.get_username(),
            "password": password,
            "cabinet": cabinet.name,
            "source": {"id": source.public_id, "secret": str(secret)},
        }
        self.stdout.write(json.dumps(answer, ensure_ascii=False))


def _user_of(username: str, password: str | None, is_staff: bool) -> tuple[User, str]:
    """Return the user and a valid password; a matching one is not written again."""
    password = password or secrets.token_urlsafe(12)
    user, is_new = get_user_model().objects.get_or_create(username=username)
    # A check costs as much as a hash.
    if is_new or not user.check_password(password):
        user.set_password(password)
    if is_staff:
        user.is_staff = user.is_superuser = True
    user.save()
    return user, password


def _cabinet_of(user: User, name: str, time_zone: str, is_demo: bool) -> Cabinet:
    membership = Membership.objects.filter(user=user, cabinet__name=name).order_by("pk").first()
    if membership is not None:
        return membership.cabinet
    cabinet = Cabinet.objects.create(name=name, time_zone=time_zone, is_demo=is_demo)
    Membership.objects.create(cabinet=cabinet, user=user, role=Membership.Role.OWNER)
    return cabinet


def _source_of(cabinet: Cabinet) -> tuple[CallSource, str]:
    """Return the cabinet's first source and its newest secret."""
    source = cabinet.call_sources.order_by("pk").first()
    if source is None:
        return create_source(cabinet=cabinet, name=SOURCE_NAME, time_zone=cabinet.time_zone)
    newest = source.signing_secrets.order_by("-created_at", "-pk").first()
    if newest is None:
        raise CommandError(f"The source {source.public_id} has no signing secret.")
    return source, newest.secret
