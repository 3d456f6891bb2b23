"""Looks an unclear upload up by its marker in Metrika's list, to learn whether it arrived.

Metrika has no idempotency key, no edit and no delete, so a repeat of a file that had arrived would
double its calls for ever. Only proof of absence allows a repeat, and then of the same bytes.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from calls.delivery import transitions
from calls.delivery.policy import absence_is_proven, backoff, lookup_spacing
from calls.delivery.results import close_attempt, mark_counter_access, quantities, record_taken
from calls.delivery.token_errors import handle_token_rejection
from calls.models import Upload, UploadAttempt, UploadQuerySet
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from calls.states import Channel
from counters.sendable import REACHABLE, as_q
from integrations.clients import metrika_client
from integrations.limits import pauses, request_budget
from integrations.yandex.errors import QuotaExceeded, TokenRejected, YandexError
from integrations.yandex.records import Uploading

logger = logging.getLogger(__name__)

#: Bounds the memory of one run; far more uploads than an outage leaves unclear.
MAX_AT_ONCE = 5000


def grace() -> timedelta:
    """Return for how long after a send its file may still appear in Metrika's list."""
    return timedelta(seconds=settings.UNCLEAR_GRACE_SECONDS)


def due(now: datetime) -> list[Upload]:
    """Return the unclear uploads whose next lookup is due and possible, longest unclear first."""
    due_uploads = _without_recent_lookup(now).filter(as_q(REACHABLE, "counter__"))
    return list(due_uploads.with_account().order_by("sent_at")[:MAX_AT_ONCE])


def _without_recent_lookup(now: datetime) -> UploadQuerySet[Upload]:
    return Upload.objects.unclear().not_looked_up_since(now - lookup_spacing(grace()))


def resolve_unclear() -> int:
    """Look up every unclear upload that is due, with one request per counter and channel.

    Return how many uploads were looked up.
    """
    groups: dict[tuple[int, int], list[Upload]] = defaultdict(list)
    for upload in due(timezone.now()):
        groups[upload.counter_id, upload.channel].append(upload)
    looked_up = 0
    for (counter_id, _channel), uploads in shutdown.until_requested(groups.items()):
        with isolated_errors(logger, "lookup of counter %s", counter_id):
            looked_up += look_up(uploads)
    return looked_up


def look_up(uploads: list[Upload]) -> int:
    """Look up unclear uploads of one counter and channel in one list; return how many."""
    account = uploads[0].counter.account
    asked_at = timezone.now()
    uploads = _claim(uploads, asked_at)
    if not uploads:
        return 0
    markers = {upload.marker for upload in uploads}
    try:
        with request_budget.request(
            account.yandex_uid, request_budget.Kind.LOOKUP, counter=uploads[0].counter.number
        ) as lease:
            every = list_uploadings(uploads[0], lease.before_request)
            found = [one for one in every if one.comment in markers]
    except request_budget.BudgetSpent as refusal:
        logger.info("lookup waits: %s", refusal)
        _make_due(uploads)
        return 0
    except YandexError as error:
        if handle_list_error(uploads[0], error, now=asked_at):
            _make_due(uploads)
        return 0
    failpoint("during_lookup")
    for upload in uploads:
        settle(upload, [one for one in found if one.comment == upload.marker], now=asked_at)
        failpoint("after_lookup_record")
    return len(uploads)


def _claim(uploads: list[Upload], now: datetime) -> list[Upload]:
    """Claim the lookups (compare-and-set on `looked_up_at`); return those that no one else has."""
    ids = [upload.pk for upload in uploads]
    with transaction.atomic():
        free = _without_recent_lookup(now).filter(pk__in=ids)
        locked = free.select_for_update(skip_locked=True, no_key=True)
        claimed = set(locked.values_list("pk", flat=True))
        Upload.objects.filter(pk__in=claimed).update(looked_up_at=now)
    return [upload for upload in uploads if upload.pk in claimed]


def _make_due(uploads: list[Upload]) -> None:
    """Make the lookups due at once: no request was made, or there is a new token for it."""
    ids = [upload.pk for upload in uploads]
    Upload.objects.unclear().filter(pk__in=ids).update(looked_up_at=None)


def list_uploadings(
    upload: Upload,
    before_request: Callable[[], None],
    *,
    is_enough: Callable[[], bool] | None = None,
) -> Iterator[Uploading]:
    """Yield the uploadings of the upload's counter and channel, page by page.

    ``is_enough`` is called at the end of each page: no further page is read once it returns True.
    """
    number = upload.counter.number
    with closing(metrika_client(upload.counter.account, before_request)) as client:
        if upload.channel == Channel.GOAL:
            yield from client.conversion_uploadings(number, is_enough=is_enough)
        else:
            yield from client.call_uploadings(number, is_enough=is_enough)


def settle(upload: Upload, found: list[Uploading], *, now: datetime) -> None:
    """Record the result of one lookup; ``found`` has the upload's marker in a complete listing."""
    if len(found) > 1:
        record_duplicate(upload, found, now=now)
    elif found:
        record_taken(upload, found[0], now=now)
    else:
        _record_absence(upload, now)


def record_duplicate(upload: Upload, found: list[Uploading], *, now: datetime) -> None:
    """Record that Metrika holds the file twice: it cannot be undone, so a person has to know."""
    ids = sorted(one.uploading_id for one in found)
    row = Upload.objects.filter(pk=upload.pk)
    transitions.mark_duplicate(row, ids, quantities=quantities(found[0]), now=now)
    logger.error("upload %s stands in Metrika %s times", upload.marker, len(ids))


def _record_absence(upload: Upload, now: datetime) -> None:
    """Count one listing without the marker; after enough of them the upload is sent again."""
    lookups = upload.lookups + 1
    proven = upload.sent_at is not None and absence_is_proven(
        lookups=lookups, sent_at=upload.sent_at, looked_up_at=now, grace=grace()
    )
    with transaction.atomic():
        # A list read before the latest attempt proves nothing about that attempt.
        row = Upload.objects.filter(pk=upload.pk, attempts=upload.attempts, lookups=upload.lookups)
        if proven:
            # A server that takes nothing and answers nothing gets a request more and more rarely.
            later = now + backoff(upload.attempts)
            counted = transitions.prove_absence(row, lookups=lookups, now=now, not_before=later)
        else:
            counted = transitions.count_absence(row, lookups=lookups, now=now)
        if counted:
            _log_lookup(upload, "AbsenceProven" if proven else "NotInList", now)
            close_attempt(upload, now=now)


def _log_lookup(upload: Upload, result: str, now: datetime) -> None:
    UploadAttempt.objects.create(
        upload=upload,
        kind=UploadAttempt.Kind.LOOKUP,
        number=upload.tries.filter(kind=UploadAttempt.Kind.LOOKUP).count() + 1,
        started_at=now,
        ended_at=now,
        http_status=200,
        error_class=result,
    )


def handle_list_error(upload: Upload, error: YandexError, *, now: datetime) -> bool:
    """Apply what follows from a failed list request: pauses, the counter's access, the token.

    Return whether the request may be repeated at once, with a new token.
    """
    account = upload.counter.account
    logger.warning("uploadings of counter %s: %s", upload.counter.number, error)
    if isinstance(error, QuotaExceeded):
        pauses.apply_quota_error(account.yandex_uid, error, now=now, counter=upload.counter.number)
    mark_counter_access(upload.counter_id, error, now=now)
    return isinstance(error, TokenRejected) and handle_token_rejection(account)
