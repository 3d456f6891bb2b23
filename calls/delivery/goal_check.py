"""Whether the goal of a refused file of conversions is still there.

A file whose goal is gone is refused as a whole, and no row of it is to blame.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from calls.models import Upload
from calls.states import Channel, UploadState
from counters.models import Counter
from counters.sync.goals import refresh_goals
from integrations.api_call import MetrikaUnavailable

logger = logging.getLogger(__name__)

#: Between two questions about the goals of a counter when Metrika does not answer.
ASK_AGAIN_AFTER = timedelta(minutes=1)


def has_goal(upload: Upload, counter: Counter) -> bool:
    """Whether the goal named in the upload was there when the counter's goals were last seen."""
    return counter.goals.filter(identifier=upload.target, deleted_at=None).exists()


def is_known(upload_id: int, *, now: datetime) -> bool:
    """See to it that the goals are fresher than the refusal; False when Metrika cannot tell now."""
    upload = (
        Upload.objects.select_related("counter__account")
        .filter(pk=upload_id, channel=Channel.GOAL, state=UploadState.SPLITTING, parts=None)
        .first()
    )
    if upload is None or upload.sent_at is None:
        return True
    seen_at = upload.counter.goals_refreshed_at
    if seen_at is not None and seen_at > upload.sent_at:
        return True
    return _ask(upload, now)


def _ask(upload: Upload, now: datetime) -> bool:
    try:
        refresh_goals(upload.counter, now=now)
    except MetrikaUnavailable as problem:
        logger.info("goals of counter %s: %s", upload.counter.number, problem)
        Upload.objects.filter(pk=upload.pk, state=UploadState.SPLITTING).update(
            not_before=now + ASK_AGAIN_AFTER
        )
        return False
    return True
