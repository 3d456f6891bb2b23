"""Creates uploads with their frozen bytes; no other module creates either."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from calls.delivery import file_store
from calls.delivery.file_store import Piece
from calls.delivery.manifest import Manifest
from calls.models import Upload, UploadFile
from calls.states import Channel, IdKind
from counters.models import Counter


def create_upload(
    *,
    cabinet_id: int,
    counter_id: int,
    channel: Channel | int,
    id_kind: IdKind | int,
    is_static: bool,
    target: str,
    pieces: Iterable[Piece],
    rows: int,
    oldest_call_at: datetime,
    newest_call_at: datetime,
    now: datetime,
    upload_id: int,
    parent: Upload | None = None,
) -> Upload:
    """Create an upload that may be sent at once, with a new marker and the pieces of its file.

    Runs in the transaction that attaches its rows. ``upload_id``: `next_upload_id`. ``target`` is
    the goal's identifier, '' in the channel of calls.
    """
    frozen = file_store.store(upload_id, pieces)
    upload = Upload.objects.create(
        id=upload_id,
        parent=parent,
        cabinet_id=cabinet_id,
        counter_id=counter_id,
        channel=channel,
        id_kind=id_kind,
        is_static=is_static,
        target=target,
        marker=f"ck{uuid.uuid4().hex}",
        rows=rows,
        sha256=frozen.sha256,
        created_at=now,
        oldest_call_at=oldest_call_at,
        newest_call_at=newest_call_at,
        not_before=now,
    )
    UploadFile.objects.create(upload=upload, size=frozen.size)
    return upload


def next_upload_id() -> int:
    """Take an id from the sequence, for rows that are attached before their upload is created."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('calls_upload', 'id'))")
        return int(cursor.fetchone()[0])


def create_lost_upload(
    manifest: Manifest, *, upload_id: int | None, counter: Counter, now: datetime
) -> Upload:
    """Create the upload of a file that Metrika has and the database lost, without its bytes.

    The caller records in the same transaction that Metrika has it: it must never be sent.
    """
    return Upload.objects.create(
        id=upload_id,
        cabinet_id=counter.cabinet_id,
        counter_id=counter.pk,
        channel=manifest.channel,
        id_kind=manifest.id_kind,
        is_static=manifest.is_static,
        target=manifest.target,
        marker=manifest.marker,
        rows=manifest.rows,
        sha256=manifest.sha256,
        created_at=manifest.created_at,
        sent_at=manifest.sent_at,
        oldest_call_at=manifest.oldest_call_at,
        newest_call_at=manifest.newest_call_at,
        not_before=now,
        taken_over_at=now,
    )
