"""Orders the check of a cabinet and makes its steps. The rows are the queue.

A step only reads in Metrika, so that a process that dies in it leaves a step to be made again.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from cabinets import audit
from cabinets.models import Cabinet
from counters.models import Counter
from counters.sync.goals import refresh_goals
from counters.sync.refresh import refresh_now
from doctor.models import Examination, ExaminationStep
from integrations.api_call import MetrikaUnavailable, code_of

logger = logging.getLogger(__name__)

#: Goals cost a request per counter: those that were read longest ago come first.
MAX_GOAL_STEPS = 100
#: After so long another worker makes the step; a request takes a minute at most.
CLAIM = timedelta(minutes=2)


@dataclass(frozen=True)
class Progress:
    """How many steps of an unfinished check are made."""

    done: int
    total: int


@transaction.atomic
def order_examination(cabinet: Cabinet, *, actor: User | None, now: datetime) -> bool:
    """Order the check of the cabinet; False when an unfinished one is under way already."""
    Cabinet.objects.select_for_update(no_key=True).get(pk=cabinet.pk)
    last = Examination.objects.filter(cabinet=cabinet).first()
    if last is not None:
        if last.finished_at is None:
            return False
        last.delete()
    ordered = Examination.objects.create(cabinet=cabinet, requested_at=now, requested_by=actor)
    steps = ExaminationStep.objects.bulk_create(_steps(ordered))
    if not steps:
        Examination.objects.filter(pk=ordered.pk).update(finished_at=now)
    audit.log_change(cabinet=cabinet, actor=actor, action="cabinet.examined", subject=cabinet)
    return True


def _steps(examination: Examination) -> list[ExaminationStep]:
    """Return a step for each usable account, then for the goals of its counters."""
    cabinet = examination.cabinet
    accounts = cabinet.yandex_accounts.usable().order_by("pk")
    with_goal = (
        cabinet.counters.present()
        .filter(access=Counter.Access.OK, goal__isnull=False, account__in=accounts)
        .order_by(F("goals_refreshed_at").asc(nulls_first=True), "pk")[:MAX_GOAL_STEPS]
    )
    pairs: list[tuple[int, int | None]] = [(account.pk, None) for account in accounts]
    pairs += [(counter.account_id, counter.pk) for counter in with_goal]
    return [
        ExaminationStep(examination=examination, account_id=account, counter_id=counter)
        for account, counter in pairs
    ]


def progress_of(cabinet: Cabinet) -> Progress | None:
    """Return the progress of the cabinet's unfinished check; None without one."""
    counted = (
        Examination.objects.filter(cabinet=cabinet, finished_at=None)
        .annotate(total=Count("steps"), done=Count("steps", filter=~Q(steps__done_at=None)))
        .values_list("done", "total")
        .first()
    )
    return Progress(*counted) if counted else None


def run(*, seconds: float) -> int:
    """Make steps for about so many ``seconds``; return how many were made."""
    deadline = time.monotonic() + seconds
    made = 0
    while time.monotonic() < deadline:
        step = _claim(now=timezone.now())
        if step is None:
            return made
        _make(step)
        made += 1
    return made


def _claim(*, now: datetime) -> ExaminationStep | None:
    """Claim a step that is not made, before its request."""
    with transaction.atomic():
        is_free = Q(claimed_until=None) | Q(claimed_until__lt=now)
        free = ExaminationStep.objects.filter(is_free, done_at=None).order_by("pk")
        step = free.select_for_update(of=("self",), skip_locked=True).first()
        if step is not None:
            step.claimed_until = now + CLAIM
            step.save(update_fields=["claimed_until"])
        return step


def _make(step: ExaminationStep) -> None:
    problem = ""
    try:
        _ask_metrika(step)
    except MetrikaUnavailable as unavailable:
        problem = code_of(unavailable)
        logger.info("step %s of a check: %s", step.pk, problem)
    except (DatabaseError, SoftTimeLimitExceeded):
        raise
    except Exception:  # a step that fails each time must not keep its check from ending
        problem = "unexpected_answer"
        logger.exception("step %s of a check has failed", step.pk)
    _record(step, problem, now=timezone.now())


def _ask_metrika(step: ExaminationStep) -> None:
    """Renew the counters of the account, or the goals of the counter. Raises MetrikaUnavailable."""
    if step.counter_id is None:
        refresh_now(step.account_id, now=timezone.now())
        return
    counter = Counter.objects.present().select_related("account").filter(pk=step.counter_id).first()
    if counter is not None:
        refresh_goals(counter, now=timezone.now())


@transaction.atomic
def _record(step: ExaminationStep, problem: str, *, now: datetime) -> None:
    """Mark the step as made, and the check as finished with its last one."""
    examination = Examination.objects.select_for_update().filter(pk=step.examination_id).first()
    if examination is None:
        return
    ExaminationStep.objects.filter(pk=step.pk).update(done_at=now, problem=problem)
    if not examination.steps.filter(done_at=None).exists():
        examination.finished_at = now
        examination.save(update_fields=["finished_at"])
