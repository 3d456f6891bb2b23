"""Takes requests for logs further, each by steps that are safe against the process dying anywhere.

ordered → posting → preparing → reading → matching → visits → cleaning → done or failed. What was
prepared by Metrika is always removed there, also after a failure: a request with a number ends by
`cleaning`. One whose number was lost with its answer is found in Metrika's list by its days and
fields.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from calls.models import LogState
from calls.proof import claims, errors, matching, placing, reading, retries
from calls.proof.claims import Claim
from calls.proof.cleaning import clean, end
from calls.proof.fields import UnreadableRow
from calls.proof.placing import PATIENCE, poll_pause
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from integrations.api_call import MetrikaUnavailable, call_logs
from integrations.installation import guard
from integrations.yandex.records import LOGS_PROCESSED, LOGS_WAITING

logger = logging.getLogger(__name__)

State = LogState


def run_due(*, seconds: float) -> int:
    """Take the due requests further for about so many seconds; return the steps made."""
    if not guard.may_request():
        return 0
    deadline, steps = time.monotonic() + seconds, 0
    while True:
        made = 0
        for pk in shutdown.until_requested(claims.due(timezone.now())):
            with isolated_errors(logger, "logs %s", pk):
                made += step(pk)
            if time.monotonic() >= deadline:
                return steps + made
        steps += made
        if not made:
            return steps


def step(pk: int) -> bool:
    """Make one step of a due request; False when there is none to make."""
    claim = claims.claim(pk, timezone.now())
    if claim is None:
        return False
    try:
        _STEPS[LogState(claim.request.state)](claim)
    except claims.Lost:
        logger.info("logs %s: another worker has it", pk)
    except MetrikaUnavailable as problem:
        retries.put_off(claim, problem)
    finally:
        claim.release()
    return True


def _ask(claim: Claim) -> None:
    """Ask whether the logs are prepared."""
    one, now = claim.request, timezone.now()
    order = call_logs(
        one.counter.account,
        lambda client, _lease: client.order(one.counter.number, one.request_id or 0),
        counter=one.counter.number,
    )
    if order.status == LOGS_PROCESSED:
        parts = sorted(order.parts)
        claim.move(State.READING, size=order.size, parts=parts, next_at=now, failures=0, error="")
    elif order.status not in LOGS_WAITING:
        claim.move(State.CLEANING, error=errors.FAILED_THERE, next_at=now)
    elif one.posted_at and now - one.posted_at > PATIENCE:
        claim.move(State.CLEANING, error=errors.SLOW_THERE, next_at=now)
    else:
        claim.move(polls=one.polls + 1, next_at=now + poll_pause(one.polls + 1), failures=0)


def _read(claim: Claim) -> None:
    """Read the next part for the rows under our uploadings."""
    one = claim.request
    if one.parts_read >= len(one.parts):
        claim.move(State.MATCHING)
        return
    try:
        lines = reading.read_hits(claim, one.parts[one.parts_read])
    except UnreadableRow:
        claim.move(State.CLEANING, error=errors.NOT_UNDERSTOOD)
        return
    failpoint("after_log_part")
    claim.move(parts_read=one.parts_read + 1, hits=one.hits + lines, failures=0, error="")


def _match(claim: Claim) -> None:
    """Record what the logs say, all of it or nothing."""
    try:
        with transaction.atomic():
            result = matching.compare(claim.request)
            to_visits = bool(result["linked"])
            claim.move(State.VISITS if to_visits else State.CLEANING, result=result)
            failpoint("before_log_match_commit")
    except matching.NotUnderstood:
        claim.move(State.CLEANING, error=errors.NOT_UNDERSTOOD)
    except matching.ZoneUnknown:
        logger.warning("logs %s: the time zone of the rows cannot be told", claim.request.pk)
        claim.move(State.CLEANING, error=errors.ZONE_UNKNOWN)
    failpoint("after_log_match")


def _find_visits(claim: Claim) -> None:
    """Read the next part again for the beginnings of the visits."""
    one = claim.request
    place = one.parts_read - len(one.parts)
    if place >= len(one.parts):
        claim.move(State.CLEANING)
        return
    reading.read_visits(claim, one.parts[place])
    claim.move(parts_read=one.parts_read + 1, failures=0, error="")


def _clean(claim: Claim) -> None:
    """Remove the logs from Metrika and end the request."""
    one = claim.request
    is_gone = clean(one)
    failpoint("after_log_clean")
    if not is_gone:
        raise MetrikaUnavailable(errors.SENTENCES[errors.NOT_CLEANED])
    end(claim)


_STEPS: dict[LogState, Callable[[Claim], None]] = {
    State.ORDERED: placing.evaluate,
    State.POSTING: placing.find_lost,
    State.PREPARING: _ask,
    State.READING: _read,
    State.MATCHING: _match,
    State.VISITS: _find_visits,
    State.CLEANING: _clean,
}
