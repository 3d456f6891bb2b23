"""Creates uploads with their frozen bytes; no other module creates either."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime

from calls.models import Upload, UploadFile
from calls.states import Channel, IdKind


def create_upload(
    *,
    cabinet_id: int,
    counter_id: int,
    channel: Channel | int,
    id_kind: IdKind | int,
    is_static: bool,
    target: str,
    body: bytes,
    rows: int,
    oldest_call_at: datetime,
    newest_call_at: datetime,
    now: datetime,
    upload_id: int | None = None,
    parent: Upload | None = None,
) -> Upload:
    """Create an upload that may be sent at once, with a new marker and the bytes of its file.

    Runs in the transaction that attaches its rows. ``upload_id`` comes from the sequence, for rows
    that were attached before. ``target`` is the goal's identifier, '' in the channel of calls.
    """
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
        sha256=hashlib.sha256(body).hexdigest(),
        created_at=now,
        oldest_call_at=oldest_call_at,
        newest_call_at=newest_call_at,
        not_before=now,
    )
    UploadFile.objects.create(upload=upload, body=body)
    return upload
