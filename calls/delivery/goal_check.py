"""Checks whether the goal of a refused file of conversions still exists.

A file whose goal was deleted is refused as a whole although none of its rows is bad.
"""

from __future__ import annotations

import csv
import io
import logging
from datetime import datetime, timedelta

from calls.delivery import file_store
from calls.models import Upload
from calls.states import Channel
from counters.models import Counter
from counters.sync.goals import refresh_goals
from integrations.api_call import MetrikaUnavailable

logger = logging.getLogger(__name__)

#: Between two requests for the goals of a counter while Metrika is unavailable.
RETRY_AFTER = timedelta(minutes=1)


def has_goal(upload: Upload, counter: Counter) -> bool:
    """Whether the goals of the file's rows existed when the counter's goals were last read."""
    named = _goals_of(upload)
    present = counter.goals.filter(identifier__in=named, deleted_at=None)
    return named == set(present.values_list("identifier", flat=True))


def _goals_of(upload: Upload) -> set[str]:
    """Return the identifiers in the file: it may have no row of one of the counter's two goals."""
    text = b"".join(file_store.bytes_of(upload.pk)).decode()
    return {row["Target"] for row in csv.DictReader(io.StringIO(text, newline=""))}


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
