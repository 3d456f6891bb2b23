"""Sends one upload: claim (a short transaction), work (the request), record (a short transaction).

If the process dies
- before the claim is committed, the row says ready or later, and the next tick finds it;
- between claim and record, the row says sending with a lease; when the lease has run out the
  upload becomes unclear and is looked up in Metrika before anything is repeated;
- after the record, there is nothing left to do.
Two workers on one upload: the claim is an update filtered by state and attempt; one of them loses.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from calls.decision.decide import LINK_HORIZON
from calls.delivery import transitions
from calls.delivery.queue import due
from calls.delivery.results import close_attempt, record_failure, record_taken
from calls.models import Upload, UploadAttempt, UploadFile
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from calls.states import Channel, UploadState
from counters.models import Counter
from integrations.clients import metrika_client
from integrations.limits import request_budget
from integrations.models import YandexAccount
from integrations.yandex.errors import Unreachable, YandexError
from integrations.yandex.records import Uploading

logger = logging.getLogger(__name__)

#: The name of the goal that Metrika makes by itself at the first call; ignored when there is one.
CALL_GOAL_NAME = "Звонок"
#: A full fifth of a second is free again at once; the login need not wait for the next tick.
PATIENCE_SECONDS = 1


class BytesChanged(Exception):
    """The stored bytes of an upload are not the ones that were frozen; they must not be sent."""


def send_due(*, seconds: float) -> int:
    """Send what is due until nothing is left or the time is up; return how many were tried."""
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
    """Claim, send and record one upload; return whether a request was made."""
    upload = Upload.objects.select_related("counter__account").get(pk=upload_id)
    if upload.state not in (UploadState.READY, UploadState.LATER):
        # Another sender has it: a request must not be counted for it, least of all in this second.
        return False
    account = upload.counter.account
    spent = spent_logins if spent_logins is not None else set()
    if account.yandex_uid in spent:
        return False
    # Opened before the claim: what no key opens must not leave the upload half-way.
    _token = account.access_token
    try:
        with request_budget.request(
            account.yandex_uid,
            request_budget.Kind.UPLOAD,
            counter=upload.counter.number,
            max_wait_seconds=PATIENCE_SECONDS,
        ) as lease:
            failpoint("before_claim")
            if not claim(upload, now=timezone.now()):
                request_budget.refund(lease)
                return False
            failpoint("after_claim")
            uploading = post(upload, lease.before_request)
            failpoint("after_answer")
    except request_budget.BudgetSpent as refusal:
        logger.info("upload %s waits: %s", upload.marker, refusal)
        if refusal.reason == request_budget.COUNTER_PAUSED:
            put_off(upload.counter_id, until=refusal.retry_at)
        else:
            spent.add(account.yandex_uid)
        return False
    except YandexError as error:
        record_failure(upload, error, now=timezone.now())
        return True
    except BytesChanged:
        _set_aside(upload, now=timezone.now())
        return False
    if not record_taken(upload, uploading, now=timezone.now()):
        logger.error("upload %s moved on, but is %s", upload.marker, uploading.uploading_id)
    failpoint("after_record")
    return True


def _set_aside(upload: Upload, *, now: datetime) -> None:
    """Leave to a person what cannot be sent as it was frozen."""
    transitions.set_aside(Upload.objects.filter(pk=upload.pk, attempts=upload.attempts))
    close_attempt(upload, now=now)
    logger.error("the bytes of upload %s are not the frozen ones", upload.marker)


def claim(upload: Upload, *, now: datetime) -> bool:
    """Move the upload to sending and open its attempt; False when somebody else has it.

    Committed before the first byte leaves. The counter's switch is part of the condition.
    """
    number = upload.attempts + 1
    with transaction.atomic():
        # Exists, not counter__enabled: a join would move all conditions into a subquery, which a
        # rival that waited for the row does not look at again.
        mine = Upload.objects.filter(
            Exists(
                Counter.objects.filter(
                    pk=OuterRef("counter_id"),
                    enabled=True,
                    removed_at=None,
                    configured_at__isnull=False,
                    # What the answer to the upload before this one may have changed.
                    access=Counter.Access.OK,
                    account__state__in=YandexAccount.USABLE,
                )
            ),
            pk=upload.pk,
            attempts=upload.attempts,
            not_before__lte=now,
            # A file that was held up loses its late calls first; see `expiry`.
            oldest_call_at__gt=now - LINK_HORIZON,
        )
        if not transitions.claim(mine, attempt=number, now=now, lease_until=now + lease_length()):
            return False
        UploadAttempt.objects.create(upload=upload, number=number, started_at=now)
        failpoint("before_claim_commit")
    upload.attempts = number
    upload.sent_at = now
    return True


def lease_length() -> timedelta:
    """Return how long a worker may be silent before its upload counts as unclear."""
    return request_budget.max_duration(request_budget.Kind.UPLOAD)


def put_off(counter_id: int, *, until: datetime) -> None:
    """Let what a counter has to send wait: its own quota is spent, the login's others go on."""
    Upload.objects.filter(
        counter_id=counter_id,
        state__in=[UploadState.READY, UploadState.LATER],
        not_before__lt=until,
    ).update(not_before=until)


def post(upload: Upload, before_request: Callable[[], None] | None = None) -> Uploading:
    """Send the frozen bytes, once. Raises YandexError; what that means is `outcomes`' to say."""
    body = bytes(UploadFile.objects.values_list("body", flat=True).get(pk=upload.pk))
    if hashlib.sha256(body).hexdigest() != upload.sha256:
        raise BytesChanged
    number = upload.counter.number
    failpoint("before_request")

    def about_to_leave() -> None:
        _refuse_to_start_late(upload)
        if before_request:
            before_request()

    with closing(metrika_client(upload.counter.account, about_to_leave)) as client:
        if upload.channel == Channel.GOAL:
            return client.upload_conversions(number, body=body, marker=upload.marker)
        return client.upload_calls(
            number, body=body, marker=upload.marker, new_goal_name=CALL_GOAL_NAME
        )


def _refuse_to_start_late(upload: Upload) -> None:
    """Raise Unreachable when the request could outlive the lease.

    A process that slept since its claim (a stopped machine, a swapped out worker) must not send
    what others may have looked up, not found and sent in the meantime.
    """
    sent_at = upload.sent_at or timezone.now()
    if timezone.now() > sent_at + timedelta(seconds=settings.LEASE_MARGIN_SECONDS):
        raise Unreachable("woke up too late to send", may_have_arrived=False)
