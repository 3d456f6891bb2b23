"""Rows of due and not yet due work at a fixed noon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from calls.models import Upload, UploadAttempt
from calls.queries.backlog import due_work
from calls.states import UploadState
from counters.models import Counter
from integrations.models import RequestDay, YandexAccount
from tests.calls.ledger import make_upload

NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 11, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def due(now: datetime = NOON) -> dict[str, datetime]:
    return {work.kind: work.since for work in due_work(now)}


def not_sent(counter: Counter, **fields: Any) -> Upload:
    values = {"state": UploadState.READY, "uploading_id": None, "sent_at": None}
    return make_upload(counter=counter, **values | {"not_before": NOON - 5 * MINUTE} | fields)


def unclear(counter: Counter, **fields: Any) -> Upload:
    """Create an upload whose response timed out two minutes after it was sent."""
    values = {"state": UploadState.UNCLEAR, "uploading_id": None, "attempts": 1}
    sent_at = NOON - 5 * MINUTE
    upload = make_upload(counter=counter, sent_at=sent_at, **values | fields)
    UploadAttempt.objects.create(
        upload=upload, number=1, started_at=sent_at, ended_at=sent_at + 2 * MINUTE
    )
    return upload


def spend_day(account: YandexAccount, **spent: Any) -> None:
    RequestDay.objects.create(yandex_uid=account.yandex_uid, day=NOON.date(), **spent)
