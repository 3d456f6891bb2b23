"""Removes prepared logs from Metrika: a counter has room for 10 GB of them."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from calls.models import LogHit, LogRequest, LogSentRow, LogState
from calls.proof import errors
from calls.proof.claims import Claim
from integrations.api_call import call_logs
from integrations.limits.request_budget import Lease
from integrations.yandex.errors import NotFound, RequestRejected
from integrations.yandex.logs import LogsClient
from integrations.yandex.records import LOGS_PROCESSED, LOGS_WAITING, LogOrder


def clean(one: LogRequest) -> bool:
    """Remove the logs, or call the order off; False when Metrika still has them.

    Raises MetrikaUnavailable without an answer. May be repeated.
    """
    number, request_id = one.counter.number, one.request_id
    if request_id is None:
        return True

    def act(client: LogsClient, _lease: Lease) -> LogOrder | None:
        try:
            # The size is known since it was prepared.
            end = client.clean if one.size is not None else client.cancel
            return end(number, request_id)
        except NotFound:
            return None
        except RequestRejected:
            return _after_refusal(client, number, request_id)

    order = call_logs(one.counter.account, act, counter=number)
    return order is None or not _is_there(order)


def _after_refusal(client: LogsClient, number: int, request_id: int) -> LogOrder | None:
    """Its state is another than we know: ask for it, and end it accordingly."""
    try:
        order = client.order(number, request_id)
        if order.status == LOGS_PROCESSED:
            return client.clean(number, request_id)
        return client.cancel(number, request_id) if order.status in LOGS_WAITING else order
    except NotFound:
        return None


def _is_there(order: LogOrder) -> bool:
    return order.status in LOGS_WAITING or order.status == LOGS_PROCESSED


def end(claim: Claim) -> None:
    """End a request whose logs are removed, with what was read of them."""
    one = claim.request
    is_done = bool(one.result)
    with transaction.atomic():
        LogHit.objects.filter(request=one).delete()
        LogSentRow.objects.filter(request=one).delete()
        error = "" if is_done and one.error != errors.NOT_CLEANED else one.error
        state = LogState.DONE if is_done else LogState.FAILED
        claim.move(state, error=error, finished_at=timezone.now())
