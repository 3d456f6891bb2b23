"""Sends one upload: claim (a short transaction), work (the request), record (a short transaction).

Between claim and request the marks outside the database are advanced: what was sent is known there,
too, so a database that goes back in time is found behind (`integrations.installation.guard`).

If the process dies
- before the claim is committed, the row says ready or later, and the next run finds it;
- between claim and record, the row says sending with a lease; when the lease has run out the
  upload becomes unclear and is looked up in Metrika before anything is repeated;
- after the record, there is nothing left to do.
Two workers on one upload: the claim is an update filtered by state and attempt; one of them loses.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from itertools import chain

from django.conf import settings
from django.db import transaction
from django.db.models import BooleanField, Exists, OuterRef, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from calls.decision.horizon import LINK_HORIZON
from calls.delivery import doubt, file_store, manifest, moves, transitions
from calls.delivery.frozen_bytes import BytesChanged, frozen_bytes
from calls.delivery.look import is_read_sql
from calls.delivery.queue import due
from calls.delivery.results import close_attempt, record_failure, record_taken
from calls.models import Upload, UploadAttempt
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from calls.states import Channel
from counters.models import Counter
from integrations.clients import metrika_client
from integrations.installation import guard
from integrations.limits import request_budget
from integrations.yandex.errors import Unreachable, YandexError
from integrations.yandex.multipart import SizedPieces
from integrations.yandex.records import Uploading

logger = logging.getLogger(__name__)

#: Name of the goal that Metrika creates with the first call; ignored when the counter has one.
CALL_GOAL_NAME = "Звонок"
#: A used up fifth of a second is over at once: waiting is better than leaving it to the next run.
MAX_SLOT_WAIT_SECONDS = 1


class ClaimLost(Exception):
    """The database does not know the claim of this process any more: it was exchanged since.

    Another process may hold the upload by now, so nothing is recorded and nothing is sent.
    """


def send_due(*, seconds: float) -> int:
    """Send what is due until nothing is left or the time is up; return how many were tried.

    Nothing is sent while the installation is halted: see `integrations.installation.guard`.
    """
    if not guard.may_send():
        return 0
    stop_at = time.monotonic() + seconds
    tried = 0
    spent_logins: set[str] = set()
    tried_uploads: set[int] = set()
    while queue := due(timezone.now(), resting_logins=spent_logins, passed_over=tried_uploads):
        for upload_id in queue:
            if shutdown.is_requested() or time.monotonic() >= stop_at:
                return tried
            tried_uploads.add(upload_id)
            with isolated_errors(logger, "upload %s", upload_id):
                tried += send_upload(upload_id, spent_logins=spent_logins)
    return tried


def send_upload(upload_id: int, *, spent_logins: set[str] | None = None) -> bool:
    """Claim, send and record one upload; return whether a request was made.

    ``spent_logins`` have no request left; a login of which this turns out is added.
    """
    upload = Upload.objects.select_related("counter__account").get(pk=upload_id)
    spent = spent_logins if spent_logins is not None else set()
    # Before the budget: an upload that another sender has claimed must not cost a request.
    if not moves.CLAIM.allows(upload) or upload.counter.account.yandex_uid in spent:
        return False
    # Decrypted before the claim: a token that no key opens must not leave the upload claimed.
    _token = upload.counter.account.access_token
    try:
        uploading = _claim_and_post(upload)
    except request_budget.BudgetSpent as refusal:
        _wait_for_budget(upload, refusal, spent)
        return False
    except (guard.SendingHalted, ClaimLost) as halted:
        logger.warning("upload %s is not sent: %s", upload.marker, halted)
        return False
    except YandexError as error:
        record_failure(upload, error, now=timezone.now())
        return True
    except BytesChanged:
        _set_aside(upload, now=timezone.now())
        return False
    if uploading is None:
        return False
    if not record_taken(upload, uploading, now=timezone.now()):
        logger.error("upload %s moved on, but is %s", upload.marker, uploading.uploading_id)
    failpoint("after_record")
    return True


def _claim_and_post(upload: Upload) -> Uploading | None:
    """Return Metrika's answer; None when the upload could not be claimed and nothing was sent."""
    with request_budget.request(
        upload.counter.account.yandex_uid,
        request_budget.Kind.UPLOAD,
        counter=upload.counter.number,
        max_wait_seconds=MAX_SLOT_WAIT_SECONDS,
    ) as lease:
        failpoint("before_claim")
        epoch = claim(upload, now=timezone.now())
        if epoch is None:
            request_budget.refund(lease)
            return None
        failpoint("after_claim")
        manifest.keep(upload, now=timezone.now())
        guard.record(epoch, upload.pk, now=timezone.now())
        failpoint("after_mark")
        _verify_claim(upload)
        uploading = _post_claimed(upload, lease.before_request)
        failpoint("after_answer")
    return uploading


def _verify_claim(upload: Upload) -> None:
    """Raise ClaimLost unless the database has this very claim.

    After a failover to a replica that lagged, behind a pooler, another process may have claimed
    with the same epoch. Asked after the mark: an exchange from now on leaves the database behind.
    """
    attempt = UploadAttempt.objects.filter(
        upload=upload,
        kind=UploadAttempt.Kind.SEND,
        number=upload.attempts,
        ended_at=None,
    )
    if upload.sent_at not in attempt.values_list("started_at", flat=True):
        raise ClaimLost("its claim is not in the database any more")


def _post_claimed(upload: Upload, before_request: Callable[[], None]) -> Uploading:
    """Post; a halt that is found only now is a failure of this attempt, not of the claim."""
    try:
        return post(upload, before_request)
    except guard.SendingHalted as halted:
        raise Unreachable(str(halted), may_have_arrived=False) from None


def _wait_for_budget(upload: Upload, refusal: request_budget.BudgetSpent, spent: set[str]) -> None:
    """Put off the counter's uploads when its own quota is spent, else pass over its login."""
    logger.info("upload %s waits: %s", upload.marker, refusal)
    if refusal.reason == request_budget.COUNTER_PAUSED:
        put_off(upload.counter_id, until=refusal.retry_at)
    else:
        spent.add(upload.counter.account.yandex_uid)


def _set_aside(upload: Upload, *, now: datetime) -> None:
    """Leave an upload whose bytes have changed to a person."""
    transitions.mark_damaged(Upload.objects.filter(pk=upload.pk, attempts=upload.attempts))
    close_attempt(upload, now=now)
    logger.error("the bytes of upload %s are not the frozen ones", upload.marker)


def claim(upload: Upload, *, now: datetime) -> int | None:
    """Move the upload to sending and open its attempt; return the epoch of the claim.

    None when the upload may not be sent (any more). Committed before the first byte is sent. Raises
    SendingHalted, with nothing changed, when the database may not send.
    """
    permit = guard.check()
    attempt = upload.attempts + 1
    with transaction.atomic():
        if not transitions.claim(
            _claimable(upload, now), attempt=attempt, now=now, lease_until=now + lease_length()
        ):
            return None
        UploadAttempt.objects.create(upload=upload, number=attempt, started_at=now)
        epoch = guard.claim_epoch(permit)
        failpoint("before_claim_commit")
    upload.attempts = attempt
    upload.sent_at = now
    return epoch


def _claimable(upload: Upload, now: datetime) -> QuerySet[Upload]:
    """Return the query of the upload on condition that it may be sent; the claim evaluates it.

    The counter is part of the condition: the answer to the upload before this one may have changed
    its access or its account.
    """
    # Exists, not counter__enabled: a join would move all conditions into a subquery, which a
    # concurrent claim that waited for the row does not evaluate again.
    sendable = Counter.objects.sendable().filter(pk=OuterRef("counter_id"))
    return Upload.objects.due(now).filter(
        Exists(sendable),
        doubt.is_sure(),
        RawSQL(is_read_sql("calls_upload.counter_id", "calls_upload.channel"), [], BooleanField()),
        pk=upload.pk,
        attempts=upload.attempts,
        # A file with late calls is first batched again without them; see `expiry`.
        oldest_call_at__gt=now - LINK_HORIZON,
    )


def lease_length() -> timedelta:
    """Return how long an upload may be sending before it counts as unclear."""
    return request_budget.max_duration(request_budget.Kind.UPLOAD)


def put_off(counter_id: int, *, until: datetime) -> None:
    """Delay the uploads of a counter whose own quota is spent; others of its login go on."""
    uploads = Upload.objects.to_send().filter(counter_id=counter_id, not_before__lt=until)
    uploads.update(not_before=until)


def post(upload: Upload, before_request: Callable[[], None] | None = None) -> Uploading:
    """Send the frozen bytes, once, and return Metrika's answer.

    Raises BytesChanged, or YandexError, whose consequences are in `calls.delivery.policy`.
    """
    with closing(frozen_bytes(upload)) as pieces:
        # A file of one piece is checked before the request, a longer one while it leaves.
        first = next(pieces)
        body = SizedPieces(file_store.size_of(upload.pk), chain([first], pieces))
        failpoint("before_request")
        return _request(upload, body, before_request)


def _request(
    upload: Upload, body: SizedPieces, before_request: Callable[[], None] | None
) -> Uploading:
    def prepare_request() -> None:
        _refuse_to_start_late(upload)
        if before_request:
            before_request()

    number = upload.counter.number
    with closing(metrika_client(upload.counter.account, prepare_request)) as client:
        if upload.channel == Channel.GOAL:
            return client.upload_conversions(number, body=body, marker=upload.marker)
        return client.upload_calls(
            number, body=body, marker=upload.marker, new_goal_name=CALL_GOAL_NAME
        )


def _refuse_to_start_late(upload: Upload) -> None:
    """Raise Unreachable when the request could outlive the lease.

    A process that was suspended after its claim (a stopped machine, a swapped out worker) must not
    send what others may have looked up, not found and sent in the meantime.
    """
    sent_at = upload.sent_at or timezone.now()
    if timezone.now() > sent_at + timedelta(seconds=settings.LEASE_MARGIN_SECONDS):
        raise Unreachable("too late to start the request", may_have_arrived=False)
