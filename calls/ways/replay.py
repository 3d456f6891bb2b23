"""Reads rejected records again, through the mapping and the settings that the source has now.

A step is one transaction: what a record became is stored together with the mark that it was read,
so a process may die on any line and the next press goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from cabinets import audit
from cabinets.models import CallSource
from cabinets.sealing import UnsealFailed
from calls.ingest.parsing.json_values import storable
from calls.ingest.rejected import raw_of
from calls.ingest.store import Result, store_calls
from calls.models import RejectedRecord, Way
from calls.states import HoldBack
from calls.ways.reading import read_items

#: Records in one transaction, and records that one press reads.
STEP, MOST = 500, 5_000


@dataclass(frozen=True)
class Replayed:
    """What became of the records of one press."""

    accepted: int = 0
    rejected: int = 0

    def __add__(self, other: Replayed) -> Replayed:
        return Replayed(self.accepted + other.accepted, self.rejected + other.rejected)

    @property
    def read(self) -> int:
        """Records that were read."""
        return self.accepted + self.rejected


def replayable(source: CallSource) -> QuerySet[RejectedRecord]:
    """Return the records of the source that wait; of one too long only the reason was kept."""
    return RejectedRecord.objects.filter(source=source, replayed_at=None).exclude(raw="")


def replay_one(source: CallSource, pk: int, *, actor: User | None, now: datetime) -> Replayed:
    """Read this record of the source again; nothing when it was read meanwhile."""
    done, _last = _step(replayable(source).filter(pk=pk), source, actor, now)
    return done


def replay_all(source: CallSource, *, actor: User | None, now: datetime) -> Replayed:
    """Read up to MOST records of the source again, the oldest first.

    Those that are rejected again are not read twice by one press.
    """
    done, last = Replayed(), 0
    for _number in range(MOST // STEP):
        step, last = _step(replayable(source).filter(pk__gt=last), source, actor, now)
        done += step
        if not last:
            break
    return done


@transaction.atomic
def _step(
    waiting: QuerySet[RejectedRecord], source: CallSource, actor: User | None, now: datetime
) -> tuple[Replayed, int]:
    """Read the first STEP records; return what became of them and the last one's key, 0 for none.

    Of another hold than the first one's none: a step stores its calls with one hold.

    Presses of one source go one after the other. The rows themselves are locked after the calls, in
    the order in which a request that rejects a record locks them.
    """
    CallSource.objects.select_for_update(no_key=True).get(pk=source.pk)
    found = list(waiting.order_by("pk")[:STEP])
    rows = list(takewhile(lambda row: row.hold_back == found[0].hold_back, found))
    kept = [(row, item) for row in rows if (item := _item(row)) is not None]
    if not kept:
        return Replayed(), rows[-1].pk if rows else 0
    records = read_items(source, [item for _row, item in kept], now=now)
    hold_back = None if rows[0].hold_back is None else HoldBack(rows[0].hold_back)
    results = store_calls(
        source=source, records=records, now=now, way=Way.REPLAY, hold_back=hold_back
    )
    done = _mark([row for row, _item in kept], results, now)
    audit.log_change(
        cabinet=source.cabinet,
        actor=actor,
        action="source.records_replayed",
        subject=source,
        after={"accepted": done.accepted, "rejected": done.rejected},
    )
    return done, rows[-1].pk


def _mark(rows: Sequence[RejectedRecord], results: Sequence[Result], now: datetime) -> Replayed:
    """Mark what was accepted as read; give what was rejected again its present reason."""
    again = []
    for row, one in zip(rows, results, strict=True):
        if one.error is not None:
            row.code = one.error.code[:40]
            row.field = str(storable(one.error.field))[:100]
            row.message = str(storable(one.error.message))
            again.append(row)
    # In the order in which a request that rejects them again locks them.
    locked = RejectedRecord.objects.filter(pk__in=[row.pk for row in rows]).order_by("digest")
    list(locked.select_for_update().values_list("pk"))
    accepted = {row.pk for row in rows} - {row.pk for row in again}
    RejectedRecord.objects.filter(pk__in=accepted).update(replayed_at=now)
    RejectedRecord.objects.bulk_update(again, ["code", "field", "message"])
    return Replayed(len(accepted), len(again))


def _item(row: RejectedRecord) -> Any:
    """Return the record as it came, None when no key opens it."""
    try:
        return raw_of(str(row.raw))
    except UnsealFailed:
        return None
