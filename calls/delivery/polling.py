"""Polls Metrika for the result of sent uploads: one list request for all of a counter's channel."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from calls.delivery import transitions
from calls.delivery.listings import Listing, examine, record_whole
from calls.delivery.lookup import handle_list_error
from calls.delivery.policy import MARKER, OVERDUE_AFTER, OVERDUE_POLL, after_status, next_poll
from calls.delivery.results import quantities
from calls.models import ListUse, Upload
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from calls.states import Attention, UploadState
from counters.sendable import AUTHORISED, as_q
from integrations.installation import guard
from integrations.limits import request_budget
from integrations.yandex.errors import YandexError
from integrations.yandex.records import Uploading

logger = logging.getLogger(__name__)

DAY = timedelta(days=1)
#: Until this share of a day's polls is spent, lists are polled without spacing.
FREE_SHARE = 0.2
#: This share is spread evenly over the day after that.
PLANNED_SHARE = 0.75
#: A poll whose process died is repeated after this, or after POLL_SECONDS where these are fewer.
REPEAT_SECONDS = 60


def due(now: datetime) -> list[Upload]:
    """Return the sent uploads of every list (counter and channel) with a due one, oldest first.

    Those of the list that are not due are returned too: one request answers for all of them.
    """
    of_same_list = Upload.objects.of_list(OuterRef("counter_id"), OuterRef("channel"))
    due_in_list = of_same_list.sent().filter(next_poll_at__lte=now)
    pollable = Upload.objects.sent().filter(Exists(due_in_list), as_q(AUTHORISED, "counter__"))
    return list(pollable.with_account().order_by("accepted_at"))


def poll_open() -> int:
    """Poll every list that is due; return how many uploads were settled."""
    if not guard.may_request():
        return 0
    groups: dict[tuple[int, int], list[Upload]] = defaultdict(list)
    for upload in due(timezone.now()):
        groups[upload.counter_id, upload.channel].append(upload)
    lists = Counter(uploads[0].counter.account.yandex_uid for uploads in groups.values())
    settled = 0
    for (counter_id, _channel), uploads in shutdown.until_requested(groups.items()):
        with isolated_errors(logger, "poll of counter %s", counter_id):
            settled += poll(uploads, lists=lists[uploads[0].counter.account.yandex_uid])
    return settled


def poll(uploads: list[Upload], *, lists: int = 1) -> int:
    """Poll the sent uploads of one counter and channel once; return how many are settled.

    ``lists`` is the number of lists that share the daily polls of the login.
    """
    login = uploads[0].counter.account.yandex_uid
    if not _claim(uploads[0], spacing(login, lists, timezone.now())):
        return 0
    try:
        listing, read = _read_list(uploads)
    except request_budget.BudgetSpent as refusal:
        logger.info("poll waits: %s", refusal)
        _undo_claim(uploads[0])
        return 0
    except YandexError as error:
        _listing_failed(uploads, error)
        return 0
    failpoint("during_poll")
    settled = _record(uploads, listing, read)
    failpoint("after_poll_record")
    return settled


def _record(uploads: list[Upload], listing: Listing, read: list[Uploading]) -> int:
    """Record what the list shows; return how many of the uploads are settled."""
    now = timezone.now()
    doubled = examine(listing.counter, listing.channel, read, now).doubled
    by_id = {one.uploading_id: one for one in read}
    settled = sum(
        upload.pk in doubled or record_status(upload, by_id.get(upload.uploading_id or 0), now=now)
        for upload in uploads
    )
    if listing.is_whole:
        record_whole(listing.counter.pk, listing.channel, listing.began_at)
    return settled


def _read_list(uploads: list[Upload]) -> tuple[Listing, list[Uploading]]:
    """Return of Metrika's list the uploads, by their ids, and what else has a marker of ours.

    No further page is read once all uploads are found.
    """
    missing = {upload.uploading_id for upload in uploads}
    read = []
    counter = uploads[0].counter
    with request_budget.request(
        counter.account.yandex_uid, request_budget.Kind.POLL, counter=counter.number
    ) as lease:
        listing = Listing(
            counter, uploads[0].channel, lease.before_request, is_enough=lambda: not missing
        )
        for one in listing:
            if one.uploading_id in missing or MARKER.fullmatch(one.comment):
                read.append(one)
                missing.discard(one.uploading_id)
    return listing, read


def spacing(yandex_uid: str, lists: int, now: datetime) -> timedelta:
    """Return the least time between two polls of one list, so that the login's day lasts.

    Without it every new file causes a poll of its counter's list, and 20 busy counters have spent
    the polls of a login by early afternoon.
    """
    allowance = settings.METRIKA_DAILY_REQUESTS * request_budget.POLL_SHARE
    if request_budget.polls_today(yandex_uid, now) < allowance * FREE_SHARE:
        return timedelta(0)
    return DAY * (lists / (allowance * PLANNED_SHARE))


def _claim(upload: Upload, distance: timedelta) -> bool:
    """Claim the poll of this list (compare-and-set on `next_poll_at`); False if another has it."""
    now = timezone.now()
    repeat_after = timedelta(seconds=min(REPEAT_SECONDS, settings.POLL_SECONDS))
    of_list = Upload.objects.of_list(upload.counter_id, upload.channel)
    with transaction.atomic():
        due_in_list = of_list.sent().filter(next_poll_at__lte=now)
        claimed = due_in_list.update(next_poll_at=now + repeat_after)
        return bool(claimed) and _is_far_enough(upload, distance, now)


def _undo_claim(upload: Upload) -> None:
    """Forget the last poll of the list: no request was made, so the next one needs no spacing."""
    of_list = ListUse.objects.filter(counter_id=upload.counter_id, channel=upload.channel)
    of_list.update(asked_at=None)


def _is_far_enough(upload: Upload, distance: timedelta, now: datetime) -> bool:
    use, is_new = ListUse.objects.get_or_create(
        counter_id=upload.counter_id, channel=upload.channel, defaults={"asked_at": now}
    )
    if is_new:
        return True
    is_far = Q(asked_at=None) | Q(asked_at__lte=now - distance)
    return bool(ListUse.objects.filter(is_far, pk=use.pk).update(asked_at=now))


def record_status(upload: Upload, uploading: Uploading | None, *, now: datetime) -> bool:
    """Record one answer in one row; return whether the upload is settled.

    An upload that is not in the list yet, or has an unknown status, is polled again later.
    """
    if uploading is None:
        return _poll_later(upload, now)
    state, attention = after_status(
        uploading.status,
        source_quantity=uploading.source_quantity,
        line_quantity=uploading.line_quantity,
        rows=upload.rows,
    )
    if state == UploadState.SENT:
        return _poll_later(upload, now, uploading=uploading, attention=attention)
    return transitions.settle(
        Upload.objects.filter(pk=upload.pk),
        state,
        attention=attention,
        now=now,
        polls=F("polls") + 1,
        **quantities(uploading),
    )


def _poll_later(
    upload: Upload,
    now: datetime,
    *,
    uploading: Uploading | None = None,
    attention: Attention | None = None,
) -> bool:
    """Schedule the next poll. Refused rows that are known stay known until Metrika denies them."""
    overdue = upload.accepted_at is not None and now - upload.accepted_at > OVERDUE_AFTER
    known = attention if uploading else upload.attention
    Upload.objects.sent().filter(pk=upload.pk).update(
        polls=F("polls") + 1,
        next_poll_at=now + OVERDUE_POLL
        if overdue
        else next_poll(
            polls=upload.polls + 1, now=now, every=timedelta(seconds=settings.POLL_SECONDS)
        ),
        attention=known or (Attention.OVERDUE if overdue else ""),
        **(quantities(uploading) if uploading else {}),
    )
    return False


def _listing_failed(uploads: list[Upload], error: YandexError) -> None:
    now = timezone.now()
    if not handle_list_error(uploads[0].counter, error, now=now):
        for upload in uploads:
            _poll_later(upload, now)
