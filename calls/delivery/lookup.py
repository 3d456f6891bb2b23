"""Looks an unclear upload up by its marker in Metrika's list, to learn whether it arrived.

Metrika has no idempotency key, no edit and no delete, so a repeat of a file that had arrived would
double its calls for ever. Only proof of absence allows a repeat, and then of the same bytes.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from calls.delivery import transitions
from calls.delivery.listings import Listing, examine, record_whole
from calls.delivery.policy import MARKER, absence_is_proven, backoff, lookup_spacing
from calls.delivery.results import close_attempt, log_lookup, mark_counter_access, record_taken
from calls.delivery.token_errors import handle_token_rejection
from calls.models import Upload, UploadQuerySet
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from counters.models import Counter
from counters.sendable import REACHABLE, as_q
from integrations.installation import guard
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
    if not guard.may_request():
        return 0
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
    try:
        with request_budget.request(
            account.yandex_uid, request_budget.Kind.LOOKUP, counter=uploads[0].counter.number
        ) as lease:
            listing = Listing(uploads[0].counter, uploads[0].channel, lease.before_request)
            found = [one for one in listing if MARKER.fullmatch(one.comment)]
    except request_budget.BudgetSpent as refusal:
        logger.info("lookup waits: %s", refusal)
        _make_due(uploads)
        return 0
    except YandexError as error:
        if handle_list_error(uploads[0].counter, error, now=asked_at):
            _make_due(uploads)
        return 0
    failpoint("during_lookup")
    _record(uploads, listing, found, asked_at)
    return len(uploads)


def _record(
    uploads: list[Upload], listing: Listing, found: list[Uploading], asked_at: datetime
) -> None:
    """Record what a complete listing shows of these uploads, and of all others of ours."""
    examine(listing.counter, listing.channel, found, asked_at)
    for upload in uploads:
        settle(upload, [one for one in found if one.comment == upload.marker], now=asked_at)
        failpoint("after_lookup_record")
    record_whole(listing.counter.pk, listing.channel, listing.began_at)


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


def settle(upload: Upload, found: list[Uploading], *, now: datetime) -> None:
    """Record the result of one lookup; ``found`` has the upload's marker in a complete listing.

    A file that stands there twice is a duplicate already: `examine` has recorded it.
    """
    if len(found) == 1:
        record_taken(upload, found[0], now=now)
    elif not found:
        _record_absence(upload, now)


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
            log_lookup(upload, "AbsenceProven" if proven else "NotInList", now)
            close_attempt(upload, now=now)


def handle_list_error(counter: Counter, error: YandexError, *, now: datetime) -> bool:
    """Apply what follows from a failed list request: pauses, the counter's access, the token.

    Return whether the request may be repeated at once, with a new token.
    """
    account = counter.account
    logger.warning("uploadings of counter %s: %s", counter.number, error)
    if isinstance(error, QuotaExceeded):
        pauses.apply_quota_error(account.yandex_uid, error, now=now, counter=counter.number)
    mark_counter_access(counter.pk, error, now=now)
    return isinstance(error, TokenRejected) and handle_token_rejection(account)
