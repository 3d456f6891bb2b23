"""Watches what Metrika makes of the files it took: one list request settles a counter's uploads."""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from calls.containment import contained
from calls.lookup import answer_trouble, list_uploadings, record_duplicate
from calls.models import Upload
from calls.moments import Moment, reach
from calls.outcomes import OVERDUE_AFTER, after_status, next_poll
from calls.states import Attention, UploadState
from calls.uploading import quantities
from integrations import budget
from integrations.models import YandexAccount
from integrations.yandex.errors import YandexError
from integrations.yandex.records import Uploading

logger = logging.getLogger(__name__)


def due(now: datetime) -> list[Upload]:
    """Return open uploads of every counter and channel that has one due, oldest first.

    All open ones of such a counter are taken along: the list that answers for one answers for all.
    """
    ripe = Upload.objects.filter(
        state=UploadState.SENT,
        next_poll_at__lte=now,
        counter__account__state__in=YandexAccount.USABLE,
    ).values("counter_id")
    return list(
        Upload.objects.filter(state=UploadState.SENT, counter_id__in=ripe)
        .select_related("counter__account")
        # One token that no key opens must not spoil the whole list.
        .defer("counter__account__access_token", "counter__account__refresh_token")
        .order_by("accepted_at")
    )


def poll_open() -> int:
    """Ask Metrika about every counter that is due; return how many uploads were settled."""
    groups: dict[tuple[int, int], list[Upload]] = defaultdict(list)
    for upload in due(timezone.now()):
        groups[upload.counter_id, upload.channel].append(upload)
    settled = 0
    for (counter_id, _channel), uploads in groups.items():
        with contained(logger, "poll of counter %s", counter_id):
            settled += poll(uploads)
    return settled


def poll(uploads: list[Upload]) -> int:
    """Ask once about the open uploads of one counter and channel; return how many are final."""
    account = uploads[0].counter.account
    wanted = {upload.uploading_id for upload in uploads}
    markers = {upload.marker for upload in uploads}
    try:
        with budget.request(
            account.yandex_uid, budget.Kind.POLL, counter=uploads[0].counter.number
        ) as lease:
            answers = [
                one
                for one in list_uploadings(uploads[0], lease.before_request)
                if one.uploading_id in wanted or one.comment in markers
            ]
    except budget.BudgetSpent as refusal:
        logger.info("poll waits: %s", refusal)
        return 0
    except YandexError as error:
        _listing_failed(uploads, error)
        return 0
    reach(Moment.DURING_POLL)
    now = timezone.now()
    settled = sum(_record_answers(upload, answers, now) for upload in uploads)
    reach(Moment.AFTER_POLL_RECORD)
    return settled


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
    settled = Upload.objects.filter(pk=upload.pk, state=UploadState.SENT).update(
        state=state,
        attention=attention or "",
        settled_at=now,
        next_poll_at=None,
        polls=F("polls") + 1,
        **quantities(uploading),
    )
    return bool(settled)


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
        next_poll_at=next_poll(
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
