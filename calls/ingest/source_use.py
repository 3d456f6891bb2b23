"""Records on a source when its last request was accepted, cut, refused and why, was imported.

They are hints for people: a time is not written with every request.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.db.models import Q, QuerySet

from cabinets.models import CallSource

logger = logging.getLogger(__name__)

LAST_USED_INTERVAL = timedelta(minutes=1)
#: A refusal for another reason is written sooner: people mend one mistake and meet the next.
NEW_REASON_INTERVAL = timedelta(seconds=1)


def record_accepted(source: CallSource, *, now: datetime) -> None:
    """Write the time of the last accepted request, at most once per LAST_USED_INTERVAL."""
    if source.last_used_at is None or now - source.last_used_at >= LAST_USED_INTERVAL:
        _write(CallSource.objects.filter(pk=source.pk), last_used_at=now)


def record_refused(public_id: str, code: str, *, now: datetime) -> None:
    """Write when and why a request of this source was refused; without such a source, nothing.

    Anybody who knows the id can cause it, so the reason is one of our codes and nothing of the
    request.
    """
    if not public_id or not public_id.isprintable():
        return
    is_due = Q(last_refused_at=None) | Q(last_refused_at__lte=now - LAST_USED_INTERVAL)
    has_new_reason = ~Q(last_refusal=code) & Q(last_refused_at__lte=now - NEW_REASON_INTERVAL)
    source = CallSource.objects.filter(is_due | has_new_reason, public_id=public_id)
    _write(source, last_refused_at=now, last_refusal=code)


def record_rejected(
    source: CallSource, results: Sequence[Mapping[str, Any]], *, now: datetime
) -> None:
    """Write how many records of an accepted request were rejected, and the code of the last one.

    ``results`` are those of the response. Nothing is written when no record was rejected, and the
    same code at most once per LAST_USED_INTERVAL.
    """
    codes = [one["error"]["code"] for one in results if one["status"] == "rejected"]
    is_due = source.last_rejected_at is None or now - source.last_rejected_at >= LAST_USED_INTERVAL
    if codes and (is_due or codes[-1] != source.last_rejection):
        _write(
            CallSource.objects.filter(pk=source.pk),
            last_rejected_at=now,
            last_rejected_records=len(codes),
            last_rejection=codes[-1],
        )


def record_warned(source: CallSource, warnings: Sequence[str], *, now: datetime) -> None:
    """Write when a record was last accepted with a warning, and the last of these warnings.

    They are as `stored_warning` writes them. Nothing is written without one, and the same at most
    once per LAST_USED_INTERVAL.
    """
    is_due = source.last_warned_at is None or now - source.last_warned_at >= LAST_USED_INTERVAL
    if warnings and (is_due or warnings[-1] != source.last_warning):
        _write(
            CallSource.objects.filter(pk=source.pk),
            last_warned_at=now,
            last_warning=warnings[-1],
        )


def record_import(source: CallSource, *, now: datetime) -> None:
    """Write the time of the last import of a file."""
    _write(CallSource.objects.filter(pk=source.pk), last_import_at=now)


def _write(source: QuerySet[CallSource], **values: datetime | str | int) -> None:
    """Write the hint. A database that is away does not change the answer to the request."""
    try:
        source.update(**values)
    except (DatabaseError, InterfaceError) as problem:
        logger.warning("use of a source is not recorded: %s", type(problem).__name__)
