"""Finds the row because of which Metrika refused a whole file, so that all the others arrive.

A refusal of the file as a whole (`invalid_uploading`, 400) says that nothing of it was taken, but
not which row is bad. So half of its rows go as a file of their own, and by what becomes of them:
- refused too: the bad row is in that half, which is halved again; the rest is free of suspicion;
- taken: the bad row is in the rest, of which half goes next.
That is ⌈log₂N⌉ + 2 requests for one bad row of N, with the last try of the one that was found,
after another file was taken: the counter itself could have been refused. What is free of suspicion
goes back to waiting and leaves with the next regular file. Every step is one transaction upon rows
that say where the search stands, so a process that dies leaves the next one to carry on.

Only a refused file is ever split. What may have arrived is looked up (`calls.delivery.lookup`), and
a file of which Metrika took a part is left alone: its accepted rows would be doubled.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max, Min, Q, QuerySet, Subquery

from calls.decision.csv_formats import unfit_rows
from calls.decision.decide import LINK_HORIZON, decide_again
from calls.decision.reasons import REFUSED_BY_CHECK, REFUSED_BY_METRIKA
from calls.delivery import goal_check, transitions
from calls.delivery.csv_slice import cut_rows
from calls.delivery.policy import FILE_REFUSED
from calls.delivery.uploads import create_upload
from calls.models import Delivery, Upload, UploadAttempt, UploadFile
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.states import OPEN_UPLOADS, TAKEN_UPLOADS, Attention, Channel, DeliveryState, UploadState
from counters.models import Counter
from integrations.limits.pauses import pause_counter_until_midnight

logger = logging.getLogger(__name__)

#: A counter whose files are refused again and again must not spend its login's requests.
MOST_REFUSALS_A_DAY = 40
OF_REFUSED = (Attention.SPLIT, Attention.ROW_REFUSED, Attention.QUARANTINED)
#: How long the only row of a refused file waits for word whether others are taken, and how often
#: that is looked at; it costs no request.
JUDGED_WITHIN = timedelta(days=1)
JUDGED_AGAIN_AFTER = timedelta(minutes=1)
#: A search that broke off lets all the others go first.
RESUMED_AFTER = timedelta(minutes=1)


def isolate_refused(*, now: datetime) -> int:
    """Take every refused upload one step further; return how many moved."""
    due = Upload.objects.filter(state=UploadState.SPLITTING, not_before__lte=now)
    ids = due.order_by("not_before", "pk").values_list("pk", flat=True)
    return sum(_isolate_contained(pk, now) for pk in shutdown.until_requested(ids))


def _isolate_contained(upload_id: int, now: datetime) -> bool:
    is_broken, has_moved = True, False
    with isolated_errors(logger, "search in upload %s", upload_id):
        has_moved = isolate(upload_id, now=now)
        is_broken = False
    if is_broken:
        Upload.objects.filter(pk=upload_id, state=UploadState.SPLITTING).update(
            not_before=now + RESUMED_AFTER
        )
    return has_moved


def isolate(upload_id: int, *, now: datetime) -> bool:
    """Take one refused upload one step further; False when it waits for one of its parts."""
    if not goal_check.is_known(upload_id, now=now):
        return False
    with transaction.atomic():
        counter = Counter.objects.select_for_update(of=("self",), no_key=True).get(
            uploads=upload_id
        )
        upload = (
            Upload.objects.select_for_update(of=("self",), no_key=True)
            .filter(pk=upload_id, state=UploadState.SPLITTING)
            .first()
        )
        return upload is not None and _step(upload, counter, now)


def give_back(upload: Upload, *, now: datetime) -> int:
    """Let the rows that are still with this upload wait again; return how many.

    Only for an upload that certainly has not arrived. Runs in a transaction that holds the upload;
    what waits is decided again, because calls and settings may have changed since it was gathered.
    """
    given = Delivery.objects.filter(upload=upload, state=DeliveryState.BATCHED).update(
        state=DeliveryState.WAITING,
        upload=None,
        row_number=None,
        call_revision=None,
        not_before=now,
    )
    if given:
        decide_again(upload.counter_id, now=now)
    return given


def lock_rows(upload: Upload) -> None:
    """Lock the upload's rows in the order in which `calls.decision.decide` meets them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM calls_delivery WHERE upload_id = %s"
            " ORDER BY call_id, counter_id, channel FOR UPDATE) AS locked",
            [upload.pk],
        )


def _step(upload: Upload, counter: Counter, now: datetime) -> bool:
    lock_rows(upload)
    if upload.attention == Attention.TOO_LARGE:
        return _halve_without_blame(upload, now)
    part = upload.parts.order_by("-pk").first()
    if part is None:
        return _begin(upload, counter, now)
    if part.state in TAKEN_UPLOADS:
        return _narrow(upload, now)
    is_found = part.state == UploadState.SPLITTING and part.rows == 1
    if part.state in OPEN_UPLOADS and not is_found:
        return False
    # What is free of suspicion goes on: it may tell whether the row that was found is to blame.
    return _finish(upload, now)


def _begin(upload: Upload, counter: Counter, now: datetime) -> bool:
    if upload.channel == Channel.GOAL and not goal_check.has_goal(upload, counter):
        return _end(upload, UploadState.NEEDS_ATTENTION, Attention.GOAL_GONE, now)
    unfit = unfit_rows(_body(upload))
    if unfit:
        _refuse_rows(upload, unfit, REFUSED_BY_CHECK.code, now)
        return _finish(upload, now)
    if upload.rows == 1:
        return _judge(upload, now)
    return _narrow(upload, now)


def _judge(upload: Upload, now: datetime) -> bool:
    """Blame the only row when it is refused after Metrika took another file of the counter.

    Before that it may be the counter that is refused, not the row. So once another file is taken
    the row is tried again; when none is taken within a day, a person is asked.
    """
    witnesses = _taken_since(upload)
    if witnesses.filter(accepted_at__lt=upload.sent_at).exists():
        _refuse_rows(upload, [1], REFUSED_BY_METRIKA.code, now)
        return _end(upload, UploadState.CANCELLED, Attention.ROW_REFUSED, now)
    if witnesses.exists():
        return _try_again(upload, now)
    is_late = upload.sent_at is None or now - upload.sent_at >= JUDGED_WITHIN
    is_too_much = _refused_today(upload, now) >= MOST_REFUSALS_A_DAY
    if is_too_much:
        pause_counter_until_midnight(upload.counter.number, now)
    if is_late or is_too_much:
        return _end(upload, UploadState.NEEDS_ATTENTION, Attention.QUARANTINED, now)
    Upload.objects.filter(pk=upload.pk).update(not_before=now + JUDGED_AGAIN_AFTER)
    return False


def _taken_since(upload: Upload) -> QuerySet[Upload]:
    """Return the counter's files that Metrika took since it refused the row for the first time."""
    first = upload
    while first.parent is not None:
        first = first.parent
    refusals = first.tries.filter(kind=UploadAttempt.Kind.SEND, error_type=FILE_REFUSED)
    return Upload.objects.filter(
        counter_id=upload.counter_id,
        channel=upload.channel,
        state__in=TAKEN_UPLOADS,
        accepted_at__gt=Subquery(refusals.order_by("number").values("started_at")[:1]),
    )


def _try_again(upload: Upload, now: datetime) -> bool:
    """Send the same bytes once more: a refused file has certainly not arrived."""
    return transitions.try_row_again(Upload.objects.filter(pk=upload.pk), now=now)


def _narrow(upload: Upload, now: datetime) -> bool:
    """Send half of what is under suspicion; the bad row is in this half or in the other."""
    first, last = _span(upload)
    if first is None or last is None:
        return _finish(upload, now)
    if _refused_today(upload, now) >= MOST_REFUSALS_A_DAY:
        return _quarantine(upload, first, last, now)
    _part_off(upload, first, first + (last - first) // 2, now)
    return True


def _quarantine(upload: Upload, first: int, last: int, now: datetime) -> bool:
    """Stop for today: what is under suspicion waits for a person in an upload of its own."""
    part = _part_off(upload, first, last, now)
    logger.error("upload %s: too many refusals today, %s rows wait", part.marker, part.rows)
    transitions.quarantine(Upload.objects.filter(pk=part.pk))
    return _finish(upload, now)


def _halve_without_blame(upload: Upload, now: datetime) -> bool:
    if upload.rows == 1:
        return _end(upload, UploadState.NEEDS_ATTENTION, Attention.REJECTED, now)
    middle = upload.rows // 2
    _part_off(upload, 1, middle, now)
    _part_off(upload, middle + 1, upload.rows, now)
    return _end(upload, UploadState.CANCELLED, Attention.TOO_LARGE, now)


def _finish(upload: Upload, now: datetime) -> bool:
    """End the search in this upload: what is left in it is free of suspicion."""
    give_back(upload, now=now)
    return _end(upload, UploadState.CANCELLED, Attention.SPLIT, now)


def _end(upload: Upload, state: UploadState, attention: Attention, now: datetime) -> bool:
    return transitions.end_search(Upload.objects.filter(pk=upload.pk), state, attention, now=now)


# The rows keep the values and the order in which they were frozen.
_MOVE = f"""
UPDATE calls_delivery SET upload_id = %(part)s, row_number = row_number - %(first)s + 1
WHERE upload_id = %(upload)s AND row_number BETWEEN %(first)s AND %(last)s
  AND state = {DeliveryState.BATCHED}
"""


def _part_off(upload: Upload, first: int, last: int, now: datetime) -> Upload:
    """Make an upload of some rows: attached and frozen at once, in the open transaction."""
    rows = Delivery.objects.filter(
        upload=upload, state=DeliveryState.BATCHED, row_number__range=(first, last)
    )
    ends = rows.aggregate(first=Min("expires_at"), last=Max("expires_at"))
    part = create_upload(
        parent=upload,
        cabinet_id=upload.cabinet_id,
        counter_id=upload.counter_id,
        channel=upload.channel,
        id_kind=upload.id_kind,
        is_static=upload.is_static,
        target=upload.target,
        body=cut_rows(_body(upload), first, last),
        rows=last - first + 1,
        oldest_call_at=ends["first"] - LINK_HORIZON,
        newest_call_at=ends["last"] - LINK_HORIZON,
        now=now,
    )
    _move_rows(upload, part, first, last)
    return part


def _move_rows(upload: Upload, part: Upload, first: int, last: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, {"part": part.pk, "upload": upload.pk, "first": first, "last": last})
        moved = cursor.rowcount
    if moved != part.rows:
        raise RuntimeError(f"upload {upload.marker} holds {moved} of {part.rows} rows")


def _refuse_rows(upload: Upload, numbers: list[int], reason: str, now: datetime) -> None:
    Delivery.objects.filter(
        upload=upload, row_number__in=numbers, state=DeliveryState.BATCHED
    ).update(state=DeliveryState.ROW_REFUSED, reason=reason)
    logger.warning("upload %s: %s rows: %s", upload.marker, len(numbers), reason)


def _span(upload: Upload) -> tuple[int | None, int | None]:
    rows = Delivery.objects.filter(upload=upload, state=DeliveryState.BATCHED)
    ends = rows.aggregate(first=Min("row_number"), last=Max("row_number"))
    return ends["first"], ends["last"]


def _refused_today(upload: Upload, now: datetime) -> int:
    """Return how many requests refusals have cost the counter today: files, and parts of them."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    parts = Q(parent__isnull=False, created_at__gte=midnight)
    refused = Q(attention__in=OF_REFUSED, uploading_id=None, sent_at__gte=midnight)
    return Upload.objects.filter(parts | refused, counter_id=upload.counter_id).count()


def _body(upload: Upload) -> bytes:
    return bytes(UploadFile.objects.values_list("body", flat=True).get(pk=upload.pk))
