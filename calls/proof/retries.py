"""What follows when a step has failed: it is repeated later, or the request is given up."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from calls.models import LogRequest, LogState
from calls.proof import errors
from calls.proof.claims import Claim
from calls.proof.cleaning import end
from calls.proof.placing import PATIENCE
from integrations.api_call import MetrikaUnavailable, code_of
from integrations.limits.request_budget import BudgetSpent
from integrations.yandex.errors import NotFound, QuotaExceeded, RequestRejected

State = LogState

#: Failures one after the other after which a request is given up; the next night asks anew.
MAX_FAILURES = 8
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)


def put_off(claim: Claim, problem: MetrikaUnavailable) -> None:
    """Record why the step failed and when it is repeated, or give the request up."""
    one, cause, now = claim.request, problem.__cause__, timezone.now()
    if isinstance(cause, BudgetSpent):
        _again(claim, "budget" if cause.reason == "day" else "busy", max(cause.retry_at, now))
    elif isinstance(cause, QuotaExceeded):
        # The pause of the login is recorded: the budget says when it ends.
        _again(claim, code_of(problem), now + FIRST_PAUSE)
    elif isinstance(cause, NotFound) and one.request_id is not None:
        _give_up(claim, errors.GONE)
    elif one.failures + 1 >= MAX_FAILURES:
        is_refused = isinstance(cause, RequestRejected)
        _give_up(claim, errors.REJECTED if is_refused else code_of(problem))
    else:
        pause = min(FIRST_PAUSE * int(2**one.failures), LONGEST_PAUSE)
        claim.move(failures=one.failures + 1, error=_kept(one, problem), next_at=now + pause)


def _kept(one: LogRequest, problem: MetrikaUnavailable) -> str:
    """Return the error to show: while logs are removed, that of what went wrong before stays."""
    return one.error if one.state == State.CLEANING else code_of(problem)


def _again(claim: Claim, error: str, at: datetime) -> None:
    """Wait without counting a failure; a request that waits for long is given up."""
    one, now = claim.request, timezone.now()
    if now - one.requested_at > 2 * PATIENCE and one.state != State.CLEANING:
        _give_up(claim, error)
    else:
        claim.move(next_at=at, error=one.error if one.state == State.CLEANING else error)


def _give_up(claim: Claim, error: str) -> None:
    """End it; what may stand in Metrika is removed first, and in the end by Metrika itself."""
    one, now = claim.request, timezone.now()
    if one.state == State.CLEANING:
        one.error = one.error or errors.NOT_CLEANED
        end(claim)
    elif one.request_id is not None:
        claim.move(State.CLEANING, error=error, next_at=now, failures=0)
    elif one.state == State.POSTING and now - one.requested_at <= 2 * PATIENCE:
        claim.move(error=error, next_at=now + LONGEST_PAUSE)
    else:
        claim.move(State.FAILED, error=error, finished_at=now)
