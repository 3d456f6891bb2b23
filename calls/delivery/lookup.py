"""Finds out what became of an unclear upload: by its marker in Metrika's list, never by guessing.

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
from django.db.models import Q
from django.utils import timezone

from calls.delivery import transitions
from calls.delivery.policy import absence_is_proven, backoff, lookup_spacing
from calls.delivery.results import close_attempt, mark_counter_access, quantities, record_taken
from calls.delivery.token_errors import handle_token_rejection
from calls.models import Upload, UploadAttempt
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from calls.states import Channel, UploadState
from counters.models import Counter
from integrations.clients import metrika_client
from integrations.limits import pauses, request_budget
from integrations.models import YandexAccount
from integrations.yandex.errors import QuotaExceeded, TokenRejected, YandexError
from integrations.yandex.records import Uploading

logger = logging.getLogger(__name__)

#: Far more than an outage leaves behind; a bound for the memory of one tick.
MOST_AT_ONCE = 5000


def grace() -> timedelta:
    """Return how long after a send its file may still appear in Metrika's list."""
    return timedelta(seconds=settings.UNCLEAR_GRACE_SECONDS)


def due(now: datetime) -> list[Upload]:
    """Return unclear uploads whose next lookup is due and whose account can be asked."""
    asked_before = now - lookup_spacing(grace())
    return list(
        Upload.objects.filter(
            Q(looked_up_at=None) | Q(looked_up_at__lte=asked_before),
            state=UploadState.UNCLEAR,
            counter__access=Counter.Access.OK,
            counter__account__state__in=YandexAccount.USABLE,
        )
        .select_related("counter__account")
        # One token that no key opens must not spoil the whole list.
        .defer("counter__account__access_token", "counter__account__refresh_token")
        .order_by("sent_at")[:MOST_AT_ONCE]
    )


def resolve_unclear() -> int:
    """Look up every unclear upload that is due, one list per counter and channel."""
    groups: dict[tuple[int, int], list[Upload]] = defaultdict(list)
    for upload in due(timezone.now()):
        groups[upload.counter_id, upload.channel].append(upload)
    known = 0
    for (counter_id, _channel), uploads in shutdown.until_requested(groups.items()):
        with isolated_errors(logger, "lookup of counter %s", counter_id):
            known += look_up(uploads)
    return known


def look_up(uploads: list[Upload]) -> int:
    """Ask Metrika once about unclear uploads of one counter and channel; return how many."""
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
        _give_back(uploads)
        return 0
    except YandexError as error:
        if answer_trouble(uploads[0], error, now=asked_at):
            _give_back(uploads)
        return 0
    failpoint("during_lookup")
    for upload in uploads:
        settle(upload, [one for one in found if one.comment == upload.marker], now=asked_at)
        failpoint("after_lookup_record")
    return len(uploads)


def _claim(uploads: list[Upload], now: datetime) -> list[Upload]:
    """Keep the uploads whose lookup is ours: of two that found them due, one moves their mark."""
    with transaction.atomic():
        free = Upload.objects.select_for_update(skip_locked=True, no_key=True).filter(
            Q(looked_up_at=None) | Q(looked_up_at__lte=now - lookup_spacing(grace())),
            pk__in=[upload.pk for upload in uploads],
            state=UploadState.UNCLEAR,
        )
        ours = set(free.values_list("pk", flat=True))
        Upload.objects.filter(pk__in=ours).update(looked_up_at=now)
    return [upload for upload in uploads if upload.pk in ours]


def _give_back(uploads: list[Upload]) -> None:
    """Let the lookup be due at once: nothing was asked, or there is a new token to ask with."""
    Upload.objects.filter(
        pk__in=[upload.pk for upload in uploads], state=UploadState.UNCLEAR
    ).update(looked_up_at=None)


def list_uploadings(
    upload: Upload,
    before_request: Callable[[], None],
    *,
    is_enough: Callable[[], bool] | None = None,
) -> Iterator[Uploading]:
    """Yield the uploadings of the upload's counter and channel, page by page.

    All of them, or, with ``is_enough``, until it says so at the end of a page.
    """
    number = upload.counter.number
    with closing(metrika_client(upload.counter.account, before_request)) as client:
        if upload.channel == Channel.GOAL:
            yield from client.conversion_uploadings(number, is_enough=is_enough)
        else:
            yield from client.call_uploadings(number, is_enough=is_enough)


def settle(upload: Upload, found: list[Uploading], *, now: datetime) -> None:
    """Record what one complete listing says about one unclear upload."""
    if len(found) > 1:
        record_duplicate(upload, found, now=now)
    elif found:
        record_taken(upload, found[0], now=now)
    else:
        _record_absence(upload, now)


def record_duplicate(upload: Upload, found: list[Uploading], *, now: datetime) -> None:
    """Show both ids when Metrika holds the file twice: nobody can undo it, somebody must know."""
    ids = sorted(one.uploading_id for one in found)
    mine = Upload.objects.filter(pk=upload.pk)
    transitions.mark_duplicate(mine, ids, quantities=quantities(found[0]), now=now)
    logger.error("upload %s stands in Metrika %s times", upload.marker, len(ids))


def _record_absence(upload: Upload, now: datetime) -> None:
    """Count one listing without the marker; after enough of them the upload may go again."""
    lookups = upload.lookups + 1
    proven = upload.sent_at is not None and absence_is_proven(
        lookups=lookups, sent_at=upload.sent_at, looked_up_at=now, grace=grace()
    )
    with transaction.atomic():
        # A list read before the latest attempt proves nothing about that attempt.
        mine = Upload.objects.filter(pk=upload.pk, attempts=upload.attempts, lookups=upload.lookups)
        if proven:
            # A server that takes nothing and answers nothing is asked more and more rarely.
            later = now + backoff(upload.attempts)
            counted = transitions.prove_absence(mine, lookups=lookups, now=now, not_before=later)
        else:
            counted = transitions.count_absence(mine, lookups=lookups, now=now)
        if counted:
            UploadAttempt.objects.create(
                upload=upload,
                kind=UploadAttempt.Kind.LOOKUP,
                number=upload.tries.filter(kind=UploadAttempt.Kind.LOOKUP).count() + 1,
                started_at=now,
                ended_at=now,
                http_status=200,
                error_class="AbsenceProven" if proven else "NotInList",
            )
            close_attempt(upload, now=now)


def answer_trouble(upload: Upload, error: YandexError, *, now: datetime) -> bool:
    """Tell those concerned that a list could not be read; return whether to ask again at once."""
    account = upload.counter.account
    logger.warning("uploadings of counter %s: %s", upload.counter.number, error)
    if isinstance(error, QuotaExceeded):
        pauses.apply_quota_error(account.yandex_uid, error, now=now, counter=upload.counter.number)
    mark_counter_access(upload.counter_id, error, now=now)
    return isinstance(error, TokenRejected) and handle_token_rejection(account)
