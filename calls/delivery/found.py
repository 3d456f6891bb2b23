"""Settles the rows of uploads that were held not to have arrived, and that a list shows.

Either the database was restored to the moment before a repeat was taken, or Metrika took a file
that it answered with a refusal. The rows may wait again by then, or be in other uploads.
"""

from __future__ import annotations

import logging
from datetime import datetime

from cabinets import audit
from calls.delivery import manifest as manifests
from calls.delivery.rows import lock_rows
from calls.delivery.takeover import attach_rows
from calls.models import Delivery, Resend, SentBefore, UnknownFile, Upload
from calls.states import DeliveryState

logger = logging.getLogger(__name__)


def settle_found(upload: Upload, *, now: datetime) -> None:
    """Settle the rows of an upload that was held not to have arrived, and that Metrika has.

    Rows that wait, or are in unsent uploads, are attached to it again and not sent. Without a
    manifest those rows are not known, so what may be one of them waits for a person. Runs in a
    transaction that holds the counter's lock; load the upload with its counter.
    """
    if Resend.objects.filter(upload=upload).exists():
        return  # A repeat has no rows in the ledger.
    lock_rows(upload)
    own = Delivery.objects.filter(upload=upload)
    own.filter(state=DeliveryState.ROW_REFUSED).update(state=DeliveryState.BATCHED, reason=None)
    numbers = own.values_list("row_number", flat=True)
    present = {number for number in numbers if number is not None}
    if len(present) >= upload.rows:
        return
    manifest = manifests.read(upload.marker)
    if manifest is not None and manifest.is_whole:
        attach_rows(upload, manifest, now, without=present)
        _tell_doubled(upload)
    else:
        _doubt_rows(upload, upload.rows - len(present), now)


def _tell_doubled(upload: Upload) -> None:
    """Tell how many rows of the file are in other files that Metrika has or may have."""
    doubled = SentBefore.objects.filter(upload=upload, held_by__isnull=False).count()
    audit.log_change(
        cabinet=upload.cabinet,
        actor=None,
        action="upload.found_taken",
        subject=upload,
        after={"marker": upload.marker, "rows": upload.rows, "doubled": doubled},
    )
    if doubled:
        text = "upload %s is in Metrika after all: %s of its %s rows are in other files as well"
        logger.error(text, upload.marker, doubled, upload.rows)


def _doubt_rows(upload: Upload, missing: int, now: datetime) -> None:
    """Let the calls wait for a person that may be the rows which the upload has no more."""
    UnknownFile.objects.get_or_create(
        marker=upload.marker,
        counter_id=upload.counter_id,
        defaults={
            "channel": upload.channel,
            "uploading_ids": upload.duplicate_ids or [upload.uploading_id or 0],
            "rows": missing,
            "create_time": upload.sent_at,
            "found_at": now,
        },
    )
    logger.error("upload %s is in Metrika after all, %s rows are unknown", upload.marker, missing)
