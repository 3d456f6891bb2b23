"""A trial message to the webhook of a cabinet, sent while its page is served.

It is no row of the queue: it is not repeated, and no other message waits for it.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from threading import BoundedSemaphore

import orjson

from cabinets.rate_limit import RateLimit, consume
from notices.claims import Outcome
from notices.media.webhook import deliver
from notices.models import NoticeWebhook

TRIAL_TYPE = "notices.trial"
#: Trials of one cabinet.
TRIALS = RateLimit("webhook_trial", 10, 600)
#: One at a time in each process: slow addresses must not take the threads that serve pages.
_slot = BoundedSemaphore(1)


class TrialsBusy(Exception):
    """Too many trials now."""


def try_out(webhook: NoticeWebhook, *, now: datetime) -> Outcome:
    """Post a trial message once; see `deliver`. Raises TrialsBusy."""
    cabinet = webhook.cabinet
    if consume(TRIALS, str(cabinet.pk), now=now.timestamp()):
        raise TrialsBusy
    data = {"cabinet": {"id": cabinet.pk, "name": cabinet.name}, "opened": [], "closed": []}
    body = orjson.dumps({"type": TRIAL_TYPE, "timestamp": now, "data": data})
    if not _slot.acquire(blocking=False):
        raise TrialsBusy
    try:
        return deliver(webhook, uuid.uuid4(), body)
    finally:
        _slot.release()
