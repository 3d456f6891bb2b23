"""Compares the conditions that stand with the notices that are open, and opens and ends notices.

Every run compares everything, so a run that dies, or is left out, loses nothing but time. A notice
changes in the transaction that queues the messages about it: both are committed, or neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from notices import outbox, pauses
from notices.conditions.found import Found, Key
from notices.conditions.watched import Condition
from notices.models import SETTLES_AFTER, Notice, NoticeMessage

#: How long ended notices, and messages about them, are kept.
KEPT = timedelta(days=90)
#: A number in PostgreSQL's space of advisory locks.
_LOCK = 7_311_070


def check(conditions: Sequence[Condition], *, now: datetime) -> int:
    """Open and end the notices of these conditions; return how many. One run at a time."""
    kinds = [kind for condition in conditions for kind in condition.kinds]
    with transaction.atomic():
        if not _is_only_run():
            return 0
        found = {one.key: one for condition in conditions for one in condition.search(now)}
        known = {_key(one): one for one in Notice.objects.open().filter(kind__in=kinds)}
        opened = _open([one for key, one in found.items() if key not in known], now)
        _refresh([(known[key], one) for key, one in found.items() if key in known])
        closed = _close([one for key, one in known.items() if key not in found], now)
        told = pauses.without_paused(closed, now)
        outbox.queue(opened=opened, closed=told, now=now)
        return len(opened) + len(closed)


def _is_only_run() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _key(notice: Notice) -> Key:
    return notice.cabinet_id, notice.kind, notice.subject


def _open(found: list[Found], now: datetime) -> list[Notice]:
    return Notice.objects.bulk_create(
        Notice(
            cabinet_id=one.cabinet_id,
            kind=one.kind,
            subject=one.subject,
            facts=one.facts,
            opened_at=now,
        )
        for one in found
    )


def _refresh(pairs: list[tuple[Notice, Found]]) -> None:
    """Write the facts that have changed, and that a condition is back before it had ended."""
    changed = []
    for notice, found in pairs:
        if notice.facts != found.facts or notice.gone_since is not None:
            notice.facts, notice.gone_since = found.facts, None
            changed.append(notice)
    Notice.objects.bulk_update(changed, ["facts", "gone_since"], batch_size=500)


def _close(gone: list[Notice], now: datetime) -> list[Notice]:
    """Mark what is newly gone, and end what has been gone long enough; return the latter."""
    fresh = [one.pk for one in gone if one.gone_since is None]
    Notice.objects.filter(pk__in=fresh).update(gone_since=now)
    over = [one for one in gone if one.gone_since and one.gone_since <= now - SETTLES_AFTER]
    for one in over:
        one.closed_at = now
    Notice.objects.filter(pk__in=[one.pk for one in over]).update(closed_at=now)
    return over


def delete_old(*, now: datetime) -> int:
    """Delete notices that ended long ago; return how many rows went with them."""
    notices, _of_each = Notice.objects.filter(closed_at__lt=now - KEPT).delete()
    messages, _of_each = NoticeMessage.objects.filter(ended_at__lt=now - KEPT).delete()
    return notices + messages + pauses.delete_old(now=now)
