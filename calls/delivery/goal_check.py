"""Checks whether the goal of a refused file of conversions still exists.

A file whose goal was deleted is refused as a whole although none of its rows is bad.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from calls.models import Upload
from calls.states import Channel
from counters.models import Counter
from counters.sync.goals import refresh_goals
from integrations.api_call import MetrikaUnavailable

logger = logging.getLogger(__name__)

#: Between two requests for the goals of a counter while Metrika is unavailable.
RETRY_AFTER = timedelta(minutes=1)


def has_goal(upload: Upload, counter: Counter) -> bool:
    """Whether the goals named in the upload existed when the counter's goals were last read."""
    named = set(upload.target.split(" "))
    present = counter.goals.filter(identifier__in=named, deleted_at=None)
    return named == set(present.values_list("identifier", flat=True))


def is_known(upload_id: int, *, now: datetime) -> bool:
    """Make sure that the goals were read after the refusal; False when that is not possible now."""
    refused = Upload.objects.splitting().select_related("counter__account")
    upload = refused.filter(pk=upload_id, channel=Channel.GOAL, parts=None).first()
    if upload is None or upload.sent_at is None:
        return True
    seen_at = upload.counter.goals_refreshed_at
    if seen_at is not None and seen_at > upload.sent_at:
        return True
    return _refresh_goals(upload, now)


def _refresh_goals(upload: Upload, now: datetime) -> bool:
    try:
        refresh_goals(upload.counter, now=now)
    except MetrikaUnavailable as problem:
        logger.info("goals of counter %s: %s", upload.counter.number, problem)
        Upload.objects.splitting().filter(pk=upload.pk).update(not_before=now + RETRY_AFTER)
        return False
    return True
