"""Valid objects by default; a test names only what matters to it."""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from cabinets import addresses, invitations
from cabinets.models import (
    Cabinet,
    CallSource,
    Invitation,
    Membership,
    SecretAddress,
    SigningSecret,
)
from calls.models import (
    BulkAction,
    FileError,
    FileImport,
    FilePiece,
    LedgerExport,
    PullSource,
    ReceivedRequest,
    RejectedRecord,
)
from counters.models import Counter, Goal, SettingsTemplate
from integrations.models import YandexAccount

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PULL_KEY = "x9xx99xx99xxxx99"  # the sample of CallKeeper's documentation
PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


def make_user(*, username: str | None = None, **fields: Any) -> User:
    name = username or f"person{next(_numbers)}"
    user: User = get_user_model().objects.create_user(
        username=name, email=f"{name}@example.ru", password=PASSWORD, **fields
    )
    return user


def make_cabinet(*, name: str = "Окна Столица", **fields: Any) -> Cabinet:
    return Cabinet.objects.create(name=name, **fields)


def make_member(*, cabinet: Cabinet, role: str = Membership.Role.OWNER, **fields: Any) -> User:
    user = make_user(**fields)
    Membership.objects.create(cabinet=cabinet, user=user, role=role)
    return user


def make_invitation(*, cabinet: Cabinet, invited_by: User, **fields: Any) -> Invitation:
    """An open invitation of a viewer; its token is in it."""
    now: datetime = timezone.now()
    token = f"invitation-{next(_numbers)}"
    values: dict[str, Any] = {
        "role": Membership.Role.VIEWER,
        "token": token,
        "digest": invitations.digest_of(token),
        "created_at": now,
        "expires_at": now + timedelta(days=7),
    }
    return Invitation.objects.create(cabinet=cabinet, invited_by=invited_by, **values | fields)


def make_source(*, cabinet: Cabinet, secret: str = SECRET, **fields: Any) -> CallSource:
    values: dict[str, Any] = {"name": "CallKeeper", "time_zone": "Europe/Moscow"} | fields
    source = CallSource.objects.create(cabinet=cabinet, **values)
    SigningSecret.objects.create(source=source, slot=1, secret=secret)
    return source


def make_hooks(*, cabinet: Cabinet, **fields: Any) -> tuple[CallSource, str]:
    """A source of webhooks, and the path of its secret address."""
    values: dict[str, Any] = {"name": "Вебхуки", "time_zone": "Europe/Moscow"} | fields
    source = CallSource.objects.create(cabinet=cabinet, kind=CallSource.Kind.WEBHOOK, **values)
    token = make_address(source=source)
    return source, reverse("calls:hook", args=[token])


def make_address(*, source: CallSource, slot: int = 1) -> str:
    """A secret address; returns its token."""
    token = f"address-{slot}-of-{source.public_id}"
    digest = addresses.digest_of(token)
    SecretAddress.objects.create(source=source, slot=slot, token=token, digest=digest)
    return token


def make_pull(*, source: CallSource, **fields: Any) -> PullSource:
    """The source is pulled from CallKeeper's API, from a day ago; not due."""
    now: datetime = timezone.now()
    begin = now - timedelta(days=1)
    values = {"pull_from": begin, "pulled_until": begin, "next_at": now + timedelta(minutes=5)}
    return PullSource.objects.create(source=source, api_key=PULL_KEY, **values | fields)


def make_received(*, source: CallSource, record: Any, **fields: Any) -> ReceivedRequest:
    """A request that came to a secret address of the source, with one record."""
    values = {"at": timezone.now(), "method": "POST", "records": 1, "accepted": 1} | fields
    return ReceivedRequest.objects.create(source=source, record=json.dumps(record), **values)


def make_rejected(*, source: CallSource, record: Any, **fields: Any) -> RejectedRecord:
    """A record of the source that was rejected, and waits."""
    now: datetime = timezone.now()
    raw = json.dumps(record)
    values = {"way": "api", "digest": hashlib.sha256(raw.encode()).hexdigest()}
    reason = {"code": "time_without_zone", "field": "callTime", "message": "Время без смещения."}
    return RejectedRecord.objects.create(
        source=source, raw=raw, first_at=now, last_at=now, **values | reason | fields
    )


def make_account(*, cabinet: Cabinet, **fields: Any) -> YandexAccount:
    number = next(_numbers)
    now: datetime = timezone.now()
    values: dict[str, Any] = {
        "yandex_uid": str(1_100_000_000 + number),
        "login": f"okna-{number:06d}",  # in the order in which they are made
        "access_token": f"y0_TestAccessToken{number:044d}",
        "refresh_token": f"1:refresh{number}:secret:part",
        "scopes": ["login:info", "metrika:read", "metrika:offline_data"],
        "device_id": f"device-{number:08d}",
        "expires_at": now + timedelta(days=300),
        "token_issued_at": now,
        "connected_at": now,
    }
    return YandexAccount.objects.create(cabinet=cabinet, **values | fields)


def make_counter(*, account: YandexAccount, **fields: Any) -> Counter:
    """A counter whose settings were saved, taking calls of every site."""
    number = next(_numbers)
    now: datetime = timezone.now()
    values: dict[str, Any] = {
        "cabinet": account.cabinet,
        "number": 91_000_000 + number,
        "name": "Окна Столица",
        "site": "okna-stolica.example",
        "site_host": "okna-stolica.example",
        "site_mode": Counter.SiteMode.ALL,
        "permission": "own",
        "added_at": now,
        "configured_at": now,
        "settings_saved_at": now,
    }
    return Counter.objects.create(account=account, **values | fields)


def make_goal(
    *, counter: Counter, identifier: str = "calltracking_call_order", **fields: Any
) -> Goal:
    values: dict[str, Any] = {
        "goal_id": 318_000_000 + next(_numbers),
        "name": "Звонок коллтрекинга",
        "type": "action",
        "source": "user",
    }
    return Goal.objects.create(counter=counter, identifier=identifier, **values | fields)


def make_template(*, cabinet: Cabinet, **fields: Any) -> SettingsTemplate:
    values: dict[str, Any] = {
        "name": f"Шаблон {next(_numbers)}",
        "content": {"goal": "call", "min_duration_seconds": 30, "price": "1500.50"},
        "created_at": timezone.now(),
    }
    return SettingsTemplate.objects.create(cabinet=cabinet, **values | fields)


def make_import(*, source: CallSource, data: bytes = b"", **fields: Any) -> FileImport:
    """A file of one piece that waits for its check, with an error of an earlier one."""
    values: dict[str, Any] = {
        "name": "calls.csv",
        "state": "uploaded",
        "size": len(data),
        "created_at": timezone.now(),
    }
    made = FileImport.objects.create(source=source, **values | fields)
    FilePiece.objects.create(file_import=made, number=0, data=data)
    FileError.objects.create(file_import=made, row=2, code="no_time", message="…")
    return made


def v3_record(**fields: Any) -> dict[str, Any]:
    """One finished call of dynamic call tracking, as CallKeeper's v3 API writes it."""
    number = next(_numbers)
    started: datetime = timezone.now() - timedelta(hours=1)
    values: dict[str, Any] = {
        "universalId": str(23_423_423_434_000_000 + number),
        "serviceType": "calltracking",
        "callType": "Динамический коллтрекинг",
        "clientNumber": "79161234567",
        "managerNumber": "74950000000",
        "statusFirst": 200,
        "statusSecond": 200,
        "status": "success",
        "callTime": started.isoformat(),
        "duration": 152,
        "site": "okna-stolica.example",
        "unique": True,
        "target": True,
        "uniqueTarget": True,
        # never ends in 9: the sandbox knows no visit of such a visitor
        "yaClid": str(1_718_031_415_926_530_000 + 10 * number),
        "callPage": "https://okna-stolica.example/balkon",
        "ctCampaignId": "1000",
        "ctCampaignName": "Распродажа",
        "tags": ["Целевой", "Балкон"],
    }
    return values | fields


def make_bulk(*, counter: Counter, **fields: Any) -> BulkAction:
    """An action on calls of the counter that has only begun."""
    now: datetime = timezone.now()
    values = {"kind": "call_off", "token": uuid4(), "total": 1, "last_call": 1}
    return BulkAction.objects.create(
        cabinet=counter.cabinet, counter=counter, requested_at=now, **values | fields
    )


def make_export(*, cabinet: Cabinet, requested_by: User, **fields: Any) -> LedgerExport:
    """An export of the ledger that a worker may go on with; all calls, phones masked."""
    values = {"filters": {}, "zone": "UTC", "language": "ru", "is_whole": False}
    now: datetime = timezone.now()
    return LedgerExport.objects.create(
        cabinet=cabinet, requested_by=requested_by, requested_at=now, **values | fields
    )
