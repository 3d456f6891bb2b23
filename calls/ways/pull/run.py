"""Reads the due sources, a page at a time, and stores each page with its position."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any
from zoneinfo import ZoneInfo

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from cabinets.sealing import UnsealFailed
from calls.callkeeper.client import CallsApi, Page
from calls.callkeeper.errors import CallKeeperError, UnexpectedAnswer
from calls.ingest.parsing.record import BadRecord, CallRecord, read_records
from calls.ingest.source_use import record_accepted, record_warned
from calls.ingest.store import Result, store_calls
from calls.models import PullSource, Way
from calls.runtime import shutdown
from calls.runtime.failpoints import failpoint
from calls.ways.pull import claims
from calls.ways.pull.api import calls_api
from calls.ways.pull.errors import InternalError, UnreadableKey
from integrations.installation import guard

logger = logging.getLogger(__name__)

#: Calls of one transaction: a page of another length is stored in several.
CALLS_PER_STEP = 2000
#: Of one window, which is a few days: a server whose pages never end is not asked for ever.
MAX_PAGES = 5000


def pull_due(*, seconds: float) -> int:
    """Read due sources, one request at a time, until none is due or the time is over.

    Return how many pages were stored. A database that is a copy, or belongs to another
    installation, asks nobody.
    """
    ends, pages = time.monotonic() + seconds, 0
    while time.monotonic() < ends and not shutdown.is_requested() and guard.may_request():
        pull = claims.claim(timezone.now())
        if pull is None:
            break
        try:
            pages += _read(pull, ends)
        except claims.LeaseLost:
            logger.info("pull of source %s was taken over", pull.pk)
    return pages


def _read(pull: PullSource, ends: float) -> int:
    """Read pages of the window until its end, an error or the end of the time. May lose the lease.

    Errors of the database's connection are raised: the lease runs out.
    """
    pages = 0
    try:
        with closing(calls_api(_key_of(pull))) as api:
            while _read_page(pull, api):
                pages += 1
                if time.monotonic() > ends or shutdown.is_requested():
                    claims.release(pull, now=timezone.now())
                    break
    except CallKeeperError as error:
        logger.warning("pull of source %s: %s", pull.pk, type(error).__name__)
        claims.fail(pull, error, now=timezone.now())
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded, claims.LeaseLost):
        raise
    except Exception:
        logger.exception("pull of source %s failed", pull.pk)
        claims.fail(pull, InternalError(), now=timezone.now())
    return pages


def _key_of(pull: PullSource) -> str:
    try:
        return pull.api_key
    except UnsealFailed:
        raise UnreadableKey from None


def _read_page(pull: PullSource, api: CallsApi) -> bool:
    """Read and store the next page; False at the end of the window."""
    assert pull.window_from is not None
    assert pull.window_to is not None
    if pull.page >= MAX_PAGES:
        raise UnexpectedAnswer("CallKeeper's API: the pages do not end")
    page = api.page(pull.page, since=pull.window_from, until=pull.window_to)
    failpoint("after_pull_answer")
    # The same page again: the server ignores the number of the page.
    if page.is_after_last or page.digest == pull.page_digest:
        claims.end_window(pull, now=timezone.now())
        failpoint("after_pull_window")
        return False
    _store_page(pull, page)
    failpoint("after_pull_page")
    return True


def _store_page(pull: PullSource, page: Page) -> None:
    items, now = page.records, timezone.now()
    steps = [items[at : at + CALLS_PER_STEP] for at in range(0, len(items), CALLS_PER_STEP)]
    results = [one for step in steps[:-1] for one in _store(pull, step)]
    with transaction.atomic():
        results += _store(pull, steps[-1])
        claims.pass_page(pull, results, page.digest, now=now)
        failpoint("before_pull_commit")
    record_accepted(pull.source, now=now)
    record_warned(pull.source, [one.warning.stored for one in results if one.warning], now=now)


def _store(pull: PullSource, items: Sequence[Any]) -> list[Result]:
    now = timezone.now()
    records = _parsed(pull, items)
    return store_calls(source=pull.source, records=records, now=now, way=Way.PULL)


def _parsed(pull: PullSource, items: Sequence[Any]) -> list[CallRecord | BadRecord]:
    source = pull.source
    return read_records(
        items,
        source_id=source.public_id,
        zone=ZoneInfo(source.time_zone) if source.time_zone else None,
        now=timezone.now(),
        region=source.region,
    )
