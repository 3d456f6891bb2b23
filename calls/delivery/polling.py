"""Watches what Metrika makes of the files it took: one list request settles a counter's uploads."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from calls.delivery import transitions
from calls.delivery.lookup import answer_trouble, list_uploadings, record_duplicate
from calls.delivery.policy import OVERDUE_AFTER, OVERDUE_POLL, after_status, next_poll
from calls.delivery.results import quantities
from calls.models import ListUse, Upload
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from calls.states import Attention, UploadState
from integrations.limits import request_budget
from integrations.models import YandexAccount
from integrations.yandex.errors import YandexError
from integrations.yandex.records import Uploading

logger = logging.getLogger(__name__)

DAY = timedelta(days=1)
#: Of a day's polls: what is asked as often as wished, and what is then shared out evenly.
FREE_SHARE = 0.2
PLANNED_SHARE = 0.75
#: A question whose asker died is asked again after this, or sooner where all is asked sooner.
ASK_AGAIN_SECONDS = 60


def due(now: datetime) -> list[Upload]:
    """Return open uploads of every counter and channel that has one due, oldest first.

    All open ones of such a list are taken along: what answers for one answers for all.
    """
    ripe = Upload.objects.filter(
        state=UploadState.SENT,
        next_poll_at__lte=now,
        counter_id=OuterRef("counter_id"),
        channel=OuterRef("channel"),
    )
    return list(
        Upload.objects.filter(
            Exists(ripe),
            state=UploadState.SENT,
            counter__account__state__in=YandexAccount.USABLE,
        )
        .select_related("counter__account")
        # One token that no key opens must not spoil the whole list.
        .defer("counter__account__access_token", "counter__account__refresh_token")
        .order_by("accepted_at")
    )


def poll_open() -> int:
    """Ask Metrika about every list that is due; return how many uploads were settled."""
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
    """Ask once about the open uploads of one counter and channel; return how many are final.

    ``lists`` is how many lists of the login are open: they share its day's polls.
    """
    account = uploads[0].counter.account
    if not _claim(uploads[0], spacing(account.yandex_uid, lists, timezone.now())):
        return 0
    missing = {upload.uploading_id for upload in uploads}
    markers = {upload.marker for upload in uploads}
    answers = []
    try:
        with request_budget.request(
            account.yandex_uid, request_budget.Kind.POLL, counter=uploads[0].counter.number
        ) as lease:
            for one in list_uploadings(
                uploads[0], lease.before_request, is_enough=lambda: not missing
            ):
                if one.uploading_id in missing or one.comment in markers:
                    answers.append(one)
                    missing.discard(one.uploading_id)
    except request_budget.BudgetSpent as refusal:
        logger.info("poll waits: %s", refusal)
        _give_back(uploads[0])
        return 0
    except YandexError as error:
        _listing_failed(uploads, error)
        return 0
    failpoint("during_poll")
    now = timezone.now()
    settled = sum(_record_answers(upload, answers, now) for upload in uploads)
    failpoint("after_poll_record")
    return settled


def spacing(yandex_uid: str, lists: int, now: datetime) -> timedelta:
    """Return the least distance between two questions about one list, so that the day lasts.

    Without it every new file asks about all that is open of its counter, and 20 busy counters
    have spent the polls of a login by early afternoon.
    """
    allowance = settings.METRIKA_DAILY_REQUESTS * request_budget.POLL_SHARE
    if request_budget.polls_today(yandex_uid, now) < allowance * FREE_SHARE:
        return timedelta(0)
    return DAY * (lists / (allowance * PLANNED_SHARE))


def _claim(upload: Upload, distance: timedelta) -> bool:
    """Take the question about a list upon us: of two that found it due, one moves the marks."""
    now = timezone.now()
    with transaction.atomic():
        moved = Upload.objects.filter(
            counter_id=upload.counter_id,
            channel=upload.channel,
            state=UploadState.SENT,
            next_poll_at__lte=now,
        ).update(next_poll_at=now + _again_after())
        return bool(moved) and _is_far_enough(upload, distance, now)


def _again_after() -> timedelta:
    return timedelta(seconds=min(ASK_AGAIN_SECONDS, settings.POLL_SECONDS))


def _give_back(upload: Upload) -> None:
    """Let nothing count as asked: the list may be asked for again as soon as it is due."""
    ListUse.objects.filter(counter_id=upload.counter_id, channel=upload.channel).delete()


def _is_far_enough(upload: Upload, distance: timedelta, now: datetime) -> bool:
    use, is_new = ListUse.objects.get_or_create(
        counter_id=upload.counter_id, channel=upload.channel, defaults={"asked_at": now}
    )
    if is_new:
        return True
    free = ListUse.objects.filter(pk=use.pk, asked_at__lte=now - distance)
    return bool(free.update(asked_at=now))


def _record_answers(upload: Upload, answers: list[Uploading], now: datetime) -> bool:
    ours = [one for one in answers if one.comment == upload.marker]
    if len(ours) > 1:
        record_duplicate(upload, ours, now=now)
        return True
    by_id = {one.uploading_id: one for one in answers}
    return record_status(upload, by_id.get(upload.uploading_id or 0), now=now)


def record_status(upload: Upload, uploading: Uploading | None, *, now: datetime) -> bool:
    """Record one answer in one row; return whether the upload reached its end.

    An upload that is not in the list yet, and a status we do not know, are simply asked again.
    """
    if uploading is None:
        return _ask_again(upload, now)
    state, attention = after_status(
        uploading.status,
        source_quantity=uploading.source_quantity,
        line_quantity=uploading.line_quantity,
        rows=upload.rows,
    )
    if state == UploadState.SENT:
        return _ask_again(upload, now, uploading=uploading, attention=attention)
    return transitions.settle(
        Upload.objects.filter(pk=upload.pk),
        state,
        attention=attention,
        now=now,
        polls=F("polls") + 1,
        **quantities(uploading),
    )


def _ask_again(
    upload: Upload,
    now: datetime,
    *,
    uploading: Uploading | None = None,
    attention: Attention | None = None,
) -> bool:
    """Set the next question. What was known of refused rows stays until Metrika says otherwise."""
    overdue = upload.accepted_at is not None and now - upload.accepted_at > OVERDUE_AFTER
    known = attention if uploading else upload.attention
    Upload.objects.filter(pk=upload.pk, state=UploadState.SENT).update(
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
    if not answer_trouble(uploads[0], error, now=now):
        for upload in uploads:
            _ask_again(upload, now)
