"""Takes over files in Metrika that the database does not know, because it was restored.

`calls.delivery.listings` records them. With a manifest (`calls.delivery.manifest`) the file becomes
an upload again, with the calls that the database has; those that it has not are kept as rows that
were sent before. Without one, the calls that may be in it wait for a person
(`calls.delivery.unknown_files`).

If the process dies: a file is taken over in one transaction, under its counter's lock; until then
it is open, and what may be in it is neither batched nor sent (`calls.delivery.doubt`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime

from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Q

from cabinets import audit
from calls.decision import sent_before
from calls.decision.redecide import decide_again
from calls.decision.rules.restored import files_sql
from calls.delivery import manifest as manifests
from calls.delivery import transitions
from calls.delivery.doubt import doubtful_files, horizon, in_doubt, waits_in_doubt
from calls.delivery.manifest import Manifest
from calls.delivery.rows import lock_rows, return_to_waiting
from calls.delivery.uploads import create_lost_upload
from calls.models import Delivery, SentBefore, UnknownFile, Upload
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from calls.runtime.sequences import advance_beyond
from calls.states import COUNTER_OFF, MAYBE_SENT, Attention, Channel, DeliveryState, UploadState
from counters.models import Counter

logger = logging.getLogger(__name__)


def settle_open_files(*, now: datetime, counter_id: int | None = None) -> None:
    """Take over the open files that have a manifest, and set the calls of the others aside.

    Safe to repeat and to run beside any other step. ``counter_id`` narrows it to one counter. Of
    files without a manifest there may be many: they cost a few queries together.
    """
    open_files = UnknownFile.objects.filter(state=UnknownFile.State.OPEN)
    if counter_id is not None:
        open_files = open_files.filter(counter_id=counter_id)
    if open_files.exists():
        described = open_files.filter(marker__in=manifests.markers())
        for file in described.select_related("counter").order_by("pk"):
            with isolated_errors(logger, "unknown file %s", file.marker):
                _take_over_alone(file, now)
        for waiting_counter, channel in _lists_to_park(counter_id):
            with isolated_errors(logger, "unknown files of counter %s", waiting_counter):
                park(waiting_counter, channel, now=now)
    _decide_left_over(now)


def _take_over_alone(file: UnknownFile, now: datetime) -> None:
    """Take the file over; what a database refuses about it must not stop all other counters."""
    try:
        take_over(file, now=now)
    except (IntegrityError, DataError) as problem:
        logger.error("file %s is not taken over: %s", file.marker, type(problem).__name__)


def take_over(file: UnknownFile, *, now: datetime) -> bool:
    """Make the file an upload again, as its manifest describes it; False without a manifest.

    Load the file with its counter. A file that another process has taken over is left alone.
    """
    manifest = manifests.read(file.marker)
    counter_id = _owner(manifest, file) if manifest else None
    if manifest is None or counter_id is None:
        return False
    with transaction.atomic():
        counter = _lock_counter(counter_id)
        opened = UnknownFile.objects.select_for_update(of=("self",), no_key=True)
        locked = opened.filter(pk=file.pk, state=UnknownFile.State.OPEN).first()
        if locked is None:
            return True
        known = Upload.objects.filter(marker=file.marker).first()
        if known is None:
            attach_rows(_create(locked, manifest, counter, now), manifest, now)
        elif known.uploading_id is None:
            return False  # Its list takes it first.
        else:
            _complete(known, locked, manifest, now)
        failpoint("before_takeover_commit")
    failpoint("after_takeover")
    return True


def park(counter_id: int, channel: Channel, *, now: datetime) -> None:
    """Set aside the waiting calls that may be in files of a list, until a person decides."""
    with transaction.atomic():
        _lock_counter(counter_id)
        of_list = in_doubt().filter(counter_id=counter_id, channel=channel)
        for upload in of_list.select_for_update(of=("self",), no_key=True).order_by("pk"):
            regather(upload, now=now)
        settle_waiting(counter_id, channel, now=now)
        failpoint("before_park_commit")


def settle_waiting(counter_id: int, channel: Channel, *, now: datetime) -> None:
    """Attach or set aside what waits in a stream and was sent before, or may have been.

    Runs in a transaction that holds the counter's lock.
    """
    sent_before.attach_waiting(counter_id, channel)
    if waits_in_doubt(counter_id, channel):
        # What waits for a counter that is off has to wait for the decision as well.
        decide_again(counter_id, now=now, without=(COUNTER_OFF,))


def regather_in_doubt(*, now: datetime) -> int:
    """Cancel the uploads that are in doubt; their rows are attached, wait, or are set aside."""
    holders = SentBefore.objects.filter(held_by__isnull=False).order_by()
    held = set(holders.values_list("held_by", flat=True).distinct())
    counters = set(doubtful_files().order_by().values_list("counter_id", flat=True).distinct())
    if not held and not counters:
        return 0
    regathered = 0
    suspects = in_doubt().filter(Q(pk__in=held) | Q(counter_id__in=counters))
    for pk, counter_id in suspects.order_by("pk").values_list("pk", "counter_id"):
        with isolated_errors(logger, "upload %s in doubt", pk), transaction.atomic():
            _lock_counter(counter_id)
            locked = in_doubt().select_for_update(of=("self",), no_key=True).filter(pk=pk).first()
            if locked is not None:
                regather(locked, now=now)
                regathered += 1
    return regathered


def regather(upload: Upload, *, now: datetime) -> None:
    """Cancel an upload that certainly has not arrived; its rows that went before are attached.

    Runs in a transaction that holds the counter's lock and that of the upload.
    """
    lock_rows(upload)
    # The holders first: rows that return to waiting must not be sent by anybody else meanwhile.
    lost = SentBefore.objects.filter(held_by=upload)
    of_uploads = list(lost.order_by().values_list("upload_id", flat=True).distinct())
    return_to_waiting(upload, now=now)
    transitions.cancel(Upload.objects.filter(pk=upload.pk), Attention.SENT_BEFORE, now=now)
    lost.update(held_by=None)
    for upload_id in of_uploads:
        sent_before.attach_rows(upload_id)
    settle_waiting(upload.counter_id, Channel(upload.channel), now=now)


def _owner(manifest: Manifest, file: UnknownFile) -> int | None:
    """Return the counter (id) that sent the file: cabinets that share a counter share its list.

    None when there is none any more, or when the manifest is not that of the file.
    """
    is_same = (manifest.counter, manifest.channel) == (file.counter.number, file.channel)
    if not (is_same and manifest.is_whole):
        logger.error("the manifest of %s is not that of the file", file.marker)
        return None
    owners = Counter.objects.filter(cabinet_id=manifest.cabinet_id, number=manifest.counter)
    return owners.values_list("pk", flat=True).first()


def _create(file: UnknownFile, manifest: Manifest, counter: Counter, now: datetime) -> Upload:
    """Create the upload in the state in which Metrika has it; its result is polled."""
    is_free = not Upload.objects.filter(pk=manifest.upload_id).exists()
    if is_free:
        advance_beyond(Upload._meta.db_table, manifest.upload_id)
    upload = create_lost_upload(
        manifest, upload_id=manifest.upload_id if is_free else None, counter=counter, now=now
    )
    row = Upload.objects.filter(pk=upload.pk)
    transitions.take(
        row,
        UploadState.SENT,
        uploading_id=min(file.uploading_ids),
        attention=None,
        quantities={"metrika_status": file.status, "source_quantity": file.rows},
        now=file.create_time or manifest.sent_at,
        next_poll_at=now,
    )
    if len(file.uploading_ids) > 1:
        transitions.mark_duplicate(row, sorted(file.uploading_ids), quantities={}, now=now)
    _record_adopted(file, upload)
    _log(upload, file)
    return upload


def _complete(upload: Upload, file: UnknownFile, manifest: Manifest, now: datetime) -> None:
    """Attach what an upload lacks that was found in a list before its manifest could be read."""
    lock_rows(upload)
    numbers = Delivery.objects.filter(upload=upload).values_list("row_number", flat=True)
    lost = SentBefore.objects.filter(upload=upload).values_list("row_number", flat=True)
    attach_rows(upload, manifest, now, without={*filter(None, numbers), *lost})
    _record_adopted(file, upload)
    _log(upload, file)


def _record_adopted(file: UnknownFile, upload: Upload) -> None:
    """Close the file for every counter with the number: it is known now whose calls it has."""
    same = UnknownFile.objects.filter(marker=file.marker)
    if not same.filter(counter_id=upload.counter_id).exists():
        same.filter(pk=file.pk).update(counter_id=upload.counter_id)
    same.update(state=UnknownFile.State.ADOPTED)
    same.filter(counter_id=upload.counter_id).update(upload=upload)


def attach_rows(
    upload: Upload, manifest: Manifest, now: datetime, *, without: Collection[int] = ()
) -> None:
    """Attach the calls that the database has, out of unsent uploads too; keep the other rows.

    Without those of the row numbers in ``without``, which are attached. Runs in a transaction that
    holds the counter's lock.
    """
    SentBefore.objects.bulk_create(
        (
            SentBefore(
                counter_id=upload.counter_id,
                channel=upload.channel,
                call_key=key,
                call_revision=revision,
                upload=upload,
                row_number=number,
            )
            for number, (key, revision) in enumerate(
                zip(manifest.keys, manifest.revisions, strict=True), start=1
            )
            if number not in without
        ),
        batch_size=5000,
    )
    sent_before.attach_rows(upload.pk)
    if sent_before.mark_held(upload.pk):
        holders = in_doubt().filter(counter_id=upload.counter_id)
        for holder in holders.select_for_update(of=("self",), no_key=True).order_by("pk"):
            regather(holder, now=now)


def _lock_counter(counter_id: int) -> Counter:
    return Counter.objects.select_for_update(of=("self",), no_key=True).get(pk=counter_id)


_LISTS_TO_PARK = f"""
SELECT list.counter_id, list.channel FROM (
    SELECT DISTINCT counter_id, channel FROM calls_unknownfile
    WHERE state = '{UnknownFile.State.OPEN}' AND coalesce(create_time, found_at) > %(since)s
      AND (%(counter)s::bigint IS NULL OR counter_id = %(counter)s)
) AS list
WHERE EXISTS (
    SELECT 1 FROM calls_delivery d
    JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
    WHERE d.counter_id = list.counter_id AND d.channel = list.channel
      AND d.state = {DeliveryState.WAITING}
      AND EXISTS (SELECT 1 {
    files_sql([UnknownFile.State.OPEN], counter="d.counter_id", channel="d.channel")
}))
ORDER BY 1, 2
"""


def _lists_to_park(counter_id: int | None) -> list[tuple[int, Channel]]:
    """Return counters and channels with calls that may be in an open file and still wait or go."""
    with connection.cursor() as cursor:
        cursor.execute(_LISTS_TO_PARK, {"since": horizon(), "counter": counter_id})
        lists = {(counter, Channel(channel)) for counter, channel in cursor.fetchall()}
    counters = doubtful_files().filter(state=UnknownFile.State.OPEN).order_by()
    if counter_id is not None:
        counters = counters.filter(counter_id=counter_id)
    uploads = in_doubt().filter(counter_id__in=counters.values("counter_id"))
    of_uploads = uploads.order_by().values_list("counter_id", "channel").distinct()
    return sorted(lists | {(counter, Channel(channel)) for counter, channel in of_uploads})


# Set aside for a file that is open no more: decided beside its takeover or a person's order.
_LEFT_OVER = f"""
SELECT DISTINCT d.counter_id FROM calls_unknownfile g
JOIN calls_delivery d ON d.counter_id = g.counter_id AND d.channel = g.channel
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
WHERE g.state <> '{UnknownFile.State.OPEN}' AND g.found_at > %(since)s
  AND d.state = {DeliveryState.SKIPPED} AND d.waited AND d.reason = '{MAYBE_SENT}'
  AND NOT EXISTS (SELECT 1 {
    files_sql([UnknownFile.State.OPEN], counter="d.counter_id", channel="d.channel")
})
"""


def _decide_left_over(now: datetime) -> None:
    """Decide the calls again that wait for a decision about files which are settled by now."""
    with connection.cursor() as cursor:
        cursor.execute(_LEFT_OVER, {"since": horizon()})
        counters = [row[0] for row in cursor.fetchall()]
    for counter_id in counters:
        with (
            isolated_errors(logger, "counter %s after takeovers", counter_id),
            transaction.atomic(),
        ):
            _lock_counter(counter_id)
            decide_again(counter_id, now=now, reason=MAYBE_SENT, without=(COUNTER_OFF,))
            for channel in Channel:
                settle_waiting(counter_id, channel, now=now)


def _log(upload: Upload, file: UnknownFile) -> None:
    audit.log_change(
        cabinet=upload.cabinet,
        actor=None,
        action="upload.taken_over",
        subject=upload,
        after={"marker": file.marker, "uploadings": file.uploading_ids, "rows": upload.rows},
    )
    logger.warning("upload %s is taken over: Metrika has it", upload.marker)
