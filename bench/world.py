"""The customer of the figures: a cabinet with counters, a source of calls, and records of calls."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet, CallSource, Membership
from cabinets.sources import create_source
from calls.ingest import signatures
from calls.ingest.request_head import SOURCE_HEADER
from calls.runtime import partitions
from counters.models import Counter
from devtools.demonstration.generator import CallGenerator
from integrations.models import YandexAccount

#: Calls of one request of the bulk API, the most that it takes.
PER_REQUEST = 500
_numbers = itertools.count(1)


@dataclass(frozen=True)
class World:
    """A cabinet whose counters take calls of every site, without a goal: one channel is in use."""

    cabinet: Cabinet
    person: User
    source: CallSource
    secret: str
    counters: Sequence[Counter]

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the headers of a signed request with this body and a new `webhook-id`."""
        webhook_id, now = uuid.uuid4().hex, str(int(timezone.now().timestamp()))
        return {
            signatures.ID_HEADER: webhook_id,
            signatures.TIMESTAMP_HEADER: now,
            signatures.SIGNATURE_HEADER: signatures.sign(self.secret, webhook_id, now, body),
            SOURCE_HEADER: self.source.public_id,
        }

    def post(self, body: bytes) -> dict[str, Any]:
        """Hand a body to the API in this process; return the answer to an accepted request."""
        answer = Client(SERVER_NAME="127.0.0.1", SERVER_PORT="8000").post(
            reverse("calls:ingest"),
            body,
            content_type="application/json",
            headers=self.headers(body),
        )
        if answer.status_code != 202:
            raise RuntimeError(f"the API answered {answer.status_code}: {answer.content[:500]!r}")
        content: dict[str, Any] = answer.json()
        return content


def make_world(counters: int) -> World:
    """Create a cabinet with this many counters."""
    now, number = timezone.now(), next(_numbers)
    partitions.keep_up(now=now)
    name = f"bench-{now:%H%M%S}-{number}"
    cabinet = Cabinet.objects.create(name=name)
    person = get_user_model().objects.create_user(username=name, password=None)
    Membership.objects.create(cabinet=cabinet, user=person, role=Membership.Role.OWNER)
    source, secret = create_source(cabinet=cabinet, name=name, time_zone="Europe/Moscow")
    account = YandexAccount.objects.create(
        cabinet=cabinet,
        yandex_uid=str(1_200_000_000 + number),
        login=name,
        access_token="y0_bench",
        refresh_token="bench",
        scopes=["login:info", "metrika:read", "metrika:offline_data"],
        device_id=name,
        expires_at=now + timedelta(days=300),
        token_issued_at=now,
        connected_at=now,
    )
    made = [_counter(account, 90_000_000 + 1000 * number + index) for index in range(counters)]
    return World(cabinet, person, source, str(secret), made)


def _counter(account: YandexAccount, number: int) -> Counter:
    now = timezone.now()
    return Counter.objects.create(
        account=account,
        cabinet=account.cabinet,
        number=number,
        name=f"Counter {number}",
        site="okna-stolica.example",
        site_host="okna-stolica.example",
        site_mode=Counter.SiteMode.ALL,
        permission="own",
        added_at=now,
        configured_at=now,
        settings_saved_at=now,
    )


def records(count: int, *, prefix: str, incoming_only: bool = False) -> list[dict[str, Any]]:
    """Return calls as CallKeeper sends them; ``incoming_only`` leaves out callback orders."""
    return list(stream(count, prefix=prefix, incoming_only=incoming_only))


def stream(count: int, *, prefix: str, incoming_only: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the same calls as `records`, without holding them."""
    generator = CallGenerator(seed=count, prefix=prefix)
    endless = generator.endless(timezone.now() - timedelta(hours=2))
    wanted = (one for one in endless if not incoming_only or "cbCallId" not in one)
    return islice(wanted, count)


def bodies(calls: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return the bodies of bulk requests with these calls."""
    return [json.dumps(chunk, ensure_ascii=False).encode() for chunk in chunks(calls)]


def chunks(calls: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield the items in steps of a request."""
    for start in range(0, len(calls), PER_REQUEST):
        yield calls[start : start + PER_REQUEST]


def forget_calls() -> None:
    """Empty the tables of calls and of what belongs to them, but not the counters."""
    tables = [model._meta.db_table for model in apps.get_app_config("calls").get_models()]
    execute(f"TRUNCATE {', '.join(tables)} CASCADE")


def forget_deliveries() -> None:
    """Empty the ledger and what follows from it; the calls stay."""
    kept = {"calls_call", "calls_callkey"}
    models = apps.get_app_config("calls").get_models()
    tables = {model._meta.db_table for model in models} - kept
    execute(f"TRUNCATE {', '.join(sorted(tables))}")


def execute(statement: str, values: Sequence[Any] | dict[str, Any] = ()) -> int:
    """Execute a statement and return the number of its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return int(cursor.rowcount)


def scalar(statement: str, values: Sequence[Any] = ()) -> Any:
    """Return the only value of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchone()[0]


def rows(statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def analyze() -> None:
    """Collect the statistics of the tables of calls, as autovacuum does within minutes."""
    tables = [model._meta.db_table for model in apps.get_app_config("calls").get_models()]
    execute(f"ANALYZE {', '.join(tables)}")
