"""Bisects a file that Metrika refused as a whole, to find the bad row and deliver all the others.

A refusal of the file as a whole (`invalid_uploading`, 400) says that nothing of it was taken, but
not which row is bad. So half of its rows are sent as a file of their own, a part. When the part is
- refused too: the bad row is in the part, which is halved again; the other half is cleared;
- taken: the bad row is in the other half, of which half is sent next.
That is ⌈log₂N⌉ + 2 requests for one bad row of N, including the last attempt of the row that was
found, after another file was taken: the counter itself could have been refused. Cleared rows go
back to waiting and are sent with the next regular file. Every step is one transaction on rows that
hold the state of the search, so after a crash another process continues.

Only a refused file is ever split. What may have arrived is looked up (`calls.delivery.lookup`), and
a file of which Metrika took a part is left alone: its accepted rows would be doubled.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max, Min, Q, QuerySet, Subquery

from calls.decision.csv_formats import unfit_rows
from calls.decision.horizon import LINK_HORIZON
from calls.decision.reasons import REFUSED_BY_CHECK, REFUSED_BY_METRIKA
from calls.delivery import file_store, goal_check, transitions
from calls.delivery.csv_slice import cut_rows
from calls.delivery.policy import FILE_REFUSED
from calls.delivery.rows import lock_rows, return_to_waiting
from calls.delivery.uploads import create_upload, next_upload_id
from calls.models import Delivery, Resend, Upload, UploadAttempt
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.states import OPEN_UPLOADS, TAKEN_UPLOADS, Attention, Channel, DeliveryState, UploadState
from counters import stops
from counters.models import Counter
from counters.states import StopCause

logger = logging.getLogger(__name__)

#: A counter whose files are refused again and again must not spend its login's requests.
MAX_REFUSALS_PER_DAY = 40
#: How a refused upload is marked, during and after its bisection.
OF_REFUSED = (Attention.SPLIT, Attention.ROW_REFUSED, Attention.QUARANTINED)
#: How long the only row of a refused file waits until another file of the counter is taken, and how
#: often that is checked; a check costs no request.
JUDGE_WITHIN = timedelta(days=1)
#: So many rows that are refused alone and not judged yet stop the counter. Once Metrika takes
#: another file after its refusal, a row is sent again or refused, and counts no more.
ROWS_BEFORE_STOP = 3
JUDGE_EVERY = timedelta(minutes=1)
#: After an error in a bisection: those of other files go first.
RETRY_AFTER = timedelta(minutes=1)


def isolate_refused(*, now: datetime) -> int:
    """Take every refused upload one step further; return how many moved."""
    due = Upload.objects.splitting().filter(not_before__lte=now)
    ids = due.order_by("not_before", "pk").values_list("pk", flat=True)
    return sum(_isolate_or_put_off(pk, now) for pk in shutdown.until_requested(ids))


def _isolate_or_put_off(upload_id: int, now: datetime) -> bool:
    has_failed, has_moved = True, False
    with isolated_errors(logger, "bisection of upload %s", upload_id):
        has_moved = isolate(upload_id, now=now)
        has_failed = False
    if has_failed:
        _put_off(upload_id, until=now + RETRY_AFTER)
    return has_moved


def _put_off(upload_id: int, *, until: datetime) -> None:
    Upload.objects.splitting().filter(pk=upload_id).update(not_before=until)


def isolate(upload_id: int, *, now: datetime) -> bool:
    """Take one refused upload one step further; False when it waits for one of its parts."""
    if not goal_check.is_known(upload_id, now=now):
        return False
    with transaction.atomic():
        counters = Counter.objects.select_for_update(of=("self",), no_key=True)
        counter = counters.get(uploads=upload_id)
        uploads = Upload.objects.select_for_update(of=("self",), no_key=True)
        upload = uploads.splitting().filter(pk=upload_id).first()
        return upload is not None and _step(upload, counter, now)


def _step(upload: Upload, counter: Counter, now: datetime) -> bool:
    lock_rows(upload)
    if upload.attention == Attention.TOO_LARGE:
        return _halve(upload, now)
    part = upload.parts.order_by("-pk").first()
    if part is None:
        return _begin(upload, counter, now)
    if part.state in TAKEN_UPLOADS:
        return _narrow(upload, now)
    is_found = part.state == UploadState.SPLITTING and part.rows == 1
    if part.state in OPEN_UPLOADS and not is_found:
        return False
    # The cleared rows are sent: if Metrika takes them, the row that was found is the bad one.
    return _finish(upload, now)


def _begin(upload: Upload, counter: Counter, now: datetime) -> bool:
    if upload.channel == Channel.GOAL and not goal_check.has_goal(upload, counter):
        return _end_without_goal(upload, now)
    unfit = unfit_rows(file_store.bytes_of(upload.pk))
    if unfit:
        _refuse_rows(upload, unfit, REFUSED_BY_CHECK.code)
        return _finish(upload, now)
    if upload.rows == 1:
        return _judge(upload, counter, now)
    return _narrow(upload, now)


def _end_without_goal(upload: Upload, now: datetime) -> bool:
    """Return the rows to waiting: their counter's stream is not due before there is a goal.

    A repeat that a person ordered has no rows in the ledger, so it is left to a person.
    """
    if Resend.objects.filter(upload=upload).exists():
        return _end(upload, UploadState.NEEDS_ATTENTION, Attention.GOAL_GONE, now)
    return_to_waiting(upload, now=now)
    return _end(upload, UploadState.CANCELLED, Attention.GOAL_GONE, now)


def _judge(upload: Upload, counter: Counter, now: datetime) -> bool:
    """Refuse the only row when it is refused after Metrika took another file of the counter.

    Before that the counter may be what is refused, not the row. So once another file is taken the
    row is sent again. Several such rows stop the counter, and are sent again when it goes on; one
    that is alone for a day is left to a person.
    """
    taken = _taken_since(upload)
    if taken.filter(accepted_at__lt=upload.sent_at).exists():
        _refuse_rows(upload, [1], REFUSED_BY_METRIKA.code)
        return _end(upload, UploadState.CANCELLED, Attention.ROW_REFUSED, now)
    if taken.exists() or _goes_on_since(upload, counter):
        return transitions.try_row_again(Upload.objects.filter(pk=upload.pk), now=now)
    if not counter.stopped_cause and _is_counter_refused(upload, now):
        stops.stop(counter.pk, StopCause.REJECTING, now=now)
    elif not counter.stopped_cause and _is_late(upload, now):
        return _end(upload, UploadState.NEEDS_ATTENTION, Attention.QUARANTINED, now)
    _put_off(upload.pk, until=now + JUDGE_EVERY)
    return False


def _goes_on_since(upload: Upload, counter: Counter) -> bool:
    """Whether the counter was stopped and went on after the last attempt of this upload."""
    went_on_at = None if counter.stopped_cause else counter.stop_checked_at
    return went_on_at is not None and upload.sent_at is not None and upload.sent_at < went_on_at


def _is_counter_refused(upload: Upload, now: datetime) -> bool:
    """Whether the cause is held to be the counter's: rows refused alone, or too many refusals."""
    of_list = Upload.objects.of_list(upload.counter_id, upload.channel)
    alone = of_list.splitting().filter(rows=1, parts=None).count()
    return alone >= ROWS_BEFORE_STOP or _refused_today(upload, now) >= MAX_REFUSALS_PER_DAY


def _is_late(upload: Upload, now: datetime) -> bool:
    return upload.sent_at is None or now - upload.sent_at >= JUDGE_WITHIN


def _taken_since(upload: Upload) -> QuerySet[Upload]:
    """Return the counter's files that Metrika took since it refused the row for the first time."""
    first = upload
    while first.parent is not None:
        first = first.parent
    refusals = first.tries.filter(kind=UploadAttempt.Kind.SEND, error_type=FILE_REFUSED)
    refused_at = Subquery(refusals.order_by("number").values("started_at")[:1])
    of_counter = Upload.objects.of_list(upload.counter_id, upload.channel)
    return of_counter.taken().filter(accepted_at__gt=refused_at)


def _narrow(upload: Upload, now: datetime) -> bool:
    """Send half of the suspect rows; the bad row is in this half or in the other."""
    first, last = _suspect_rows(upload)
    if first is None or last is None:
        return _finish(upload, now)
    if _refused_today(upload, now) >= MAX_REFUSALS_PER_DAY:
        return _quarantine(upload, first, last, now)
    _split_off(upload, first, first + (last - first) // 2, now)
    return True


def _quarantine(upload: Upload, first: int, last: int, now: datetime) -> bool:
    """Stop for today: the suspect rows wait for a person in an upload of their own."""
    part = _split_off(upload, first, last, now)
    logger.error("upload %s: too many refusals today, %s rows wait", part.marker, part.rows)
    transitions.quarantine(Upload.objects.filter(pk=part.pk))
    return _finish(upload, now)


def _halve(upload: Upload, now: datetime) -> bool:
    """Send a file that is too large in two halves; no row is suspect."""
    if upload.rows == 1:
        return _end(upload, UploadState.NEEDS_ATTENTION, Attention.REJECTED, now)
    middle = upload.rows // 2
    _split_off(upload, 1, middle, now)
    _split_off(upload, middle + 1, upload.rows, now)
    return _end(upload, UploadState.CANCELLED, Attention.TOO_LARGE, now)


def _finish(upload: Upload, now: datetime) -> bool:
    """End the bisection of this upload: the rows that are left in it are cleared."""
    return_to_waiting(upload, now=now)
    return _end(upload, UploadState.CANCELLED, Attention.SPLIT, now)


def _end(upload: Upload, state: UploadState, attention: Attention, now: datetime) -> bool:
    return transitions.end_search(Upload.objects.filter(pk=upload.pk), state, attention, now=now)


def _split_off(upload: Upload, first: int, last: int, now: datetime) -> Upload:
    """Make a part of the rows ``first`` to ``last``, counted from 1, in the open transaction."""
    rows = Delivery.objects.batched().filter(upload=upload, row_number__range=(first, last))
    ends = rows.aggregate(first=Min("expires_at"), last=Max("expires_at"))
    part = create_upload(
        upload_id=next_upload_id(),
        parent=upload,
        cabinet_id=upload.cabinet_id,
        counter_id=upload.counter_id,
        channel=upload.channel,
        id_kind=upload.id_kind,
        is_static=upload.is_static,
        target=upload.target,
        pieces=cut_rows(file_store.pieces(upload.pk, first=first, last=last), first, last),
        rows=last - first + 1,
        oldest_call_at=ends["first"] - LINK_HORIZON,
        newest_call_at=ends["last"] - LINK_HORIZON,
        now=now,
    )
    _attach_to_part(upload, part, first, last)
    return part


# The rows keep the values and the order in which they were frozen.
_ATTACH_TO_PART = f"""
UPDATE calls_delivery SET upload_id = %(part)s, row_number = row_number - %(first)s + 1
WHERE upload_id = %(upload)s AND row_number BETWEEN %(first)s AND %(last)s
  AND state = {DeliveryState.BATCHED}
"""


def _attach_to_part(upload: Upload, part: Upload, first: int, last: int) -> None:
    values = {"part": part.pk, "upload": upload.pk, "first": first, "last": last}
    with connection.cursor() as cursor:
        cursor.execute(_ATTACH_TO_PART, values)
        moved = cursor.rowcount
    if moved != part.rows:
        raise RuntimeError(f"upload {upload.marker} holds {moved} of {part.rows} rows")


def _refuse_rows(upload: Upload, numbers: list[int], reason: str) -> None:
    rows = Delivery.objects.batched().filter(upload=upload, row_number__in=numbers)
    rows.update(state=DeliveryState.ROW_REFUSED, reason=reason)
    logger.warning("upload %s: %s rows: %s", upload.marker, len(numbers), reason)


def _suspect_rows(upload: Upload) -> tuple[int | None, int | None]:
    """Return the first and the last row that are still in the upload, counted from 1."""
    rows = Delivery.objects.batched().filter(upload=upload)
    ends = rows.aggregate(first=Min("row_number"), last=Max("row_number"))
    return ends["first"], ends["last"]


def _refused_today(upload: Upload, now: datetime) -> int:
    """Return how many requests refusals have cost the counter today: files, and parts of them."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    parts = Q(parent__isnull=False, created_at__gte=midnight)
    refused = Q(attention__in=OF_REFUSED, uploading_id=None, sent_at__gte=midnight)
    return Upload.objects.filter(parts | refused, counter_id=upload.counter_id).count()
