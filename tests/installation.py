"""The installation of the tests: adopted, with a mark that is written anew before each test.

The row is in every migrated and every flushed database but those named `upgrade_…`, which are left
as the migrations make them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections
from redis import Redis

from integrations.installation import broker_mark
from integrations.installation.marks import Mark
from integrations.models import Installation

UID = UUID("7e57ab1e-0000-4000-8000-000000000001")
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
MARK = Mark(uid=UID, public_host="localhost", epoch=0, highest_upload=0, at=SINCE)
LEFT_ALONE = "upgrade_"


def adopt_database(*, app_config: Any, using: str, **_kwargs: Any) -> None:
    """Receiver of post_migrate, which is sent after a flush, too."""
    connection = connections[using]
    if app_config.label != "integrations" or connection.settings_dict["NAME"].startswith(
        LEFT_ALONE
    ):
        return
    if Installation._meta.db_table in connection.introspection.table_names():
        Installation.objects.using(using).update_or_create(
            pk=Installation.ONLY,
            defaults={"uid": UID, "public_host": MARK.public_host, "adopted_at": SINCE},
        )


def reset_marks() -> None:
    """Leave the mark of the tests in the file, and none in the broker."""
    mark_file().parent.mkdir(parents=True, exist_ok=True)
    # Read first: writing costs ten times as much, and most tests leave it as it is.
    if not mark_file().exists() or mark_file().read_text(encoding="utf-8") != MARK.to_json():
        mark_file().write_text(MARK.to_json(), encoding="utf-8")
    redis().delete(broker_mark.KEY)
    broker_mark._paused_until.clear()


def remove_marks() -> None:
    """Leave no mark anywhere."""
    mark_file().unlink(missing_ok=True)
    redis().delete(broker_mark.KEY)


def mark_file() -> Path:
    return Path(settings.INSTALLATION_FILE)


def redis() -> Redis:
    return _redis(settings.REDIS_URL)


@cache
def _redis(url: str) -> Redis:
    return Redis.from_url(url)
