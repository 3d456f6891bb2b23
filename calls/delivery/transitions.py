"""The only module that writes `Upload.state`: one function for each legal move.

A move is a compare-and-set: one UPDATE whose WHERE names the states it may start from, so if two
processes try the same move, one of them changes nothing. The callers narrow the uploads (by primary
key, by attempt, by time) and hold the locks that their own step needs; a move adds the states.
Who moves an upload out of each state, and when, is in `calls.delivery.state_table`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from calls.delivery.moves import (
    CANCEL,
    CANCEL_LATE,
    CLAIM,
    COUNT_ABSENCE,
    DOUBT,
    END_SEARCH,
    FAIL,
    GATHER_AGAIN,
    GIVE_UP_SENT,
    GIVE_UP_UNCLEAR,
    MARK_DAMAGED,
    MARK_DUPLICATE,
    QUARANTINE,
    RELEASE_STUCK,
    RETRY,
    SETTLE,
    TAKE,
    TRY_ROW_AGAIN,
    Move,
)
from calls.delivery.state_table import UPLOAD_STATES
from calls.models import Upload
from calls.states import Attention, UploadState

S = UploadState


class IllegalTransition(Exception):
    """A move was asked to end in a state that is in no table. Nothing was written."""


Quantities = Mapping[str, int | str | None]


def apply(uploads: QuerySet[Upload], move: Move, to: UploadState, **changes: Any) -> int:
    """Make a move with those of the uploads that may make it; return how many did.

    Raises IllegalTransition, before any SQL, when the move does not lead there, or when the table
    of states does not have the new state with the reason in ``changes["attention"]``.
    """
    if to not in move.targets:
        raise IllegalTransition(f"{move.name} does not lead to {to}")
    if "attention" in changes and (to, changes["attention"] or None) not in UPLOAD_STATES:
        raise IllegalTransition(f"{move.name}: {to} has no reason {changes['attention']!r}")
    return uploads.filter(move.condition).update(state=to, **changes)


def claim(uploads: QuerySet[Upload], *, attempt: int, now: datetime, lease_until: datetime) -> bool:
    """A worker begins attempt number ``attempt`` and holds the upload until ``lease_until``."""
    lease = {"attempts": attempt, "sent_at": now, "lease_until": lease_until}
    return bool(apply(uploads, CLAIM, S.SENDING, **lease, lookups=0, looked_up_at=None))


def take(
    uploads: QuerySet[Upload],
    to: UploadState,
    *,
    uploading_id: int,
    attention: Attention | None,
    quantities: Quantities,
    now: datetime,
    next_poll_at: datetime,
    sent_at: datetime | None = None,
    move: Move = TAKE,
) -> bool:
    """Metrika has the file: its answer, or its list (``move``: TAKE_FOUND), says so.

    ``sent_at`` counts for an upload of which no attempt is known.
    """
    is_open = to == S.SENT
    return bool(
        apply(
            uploads,
            move,
            to,
            attention=attention or "",
            uploading_id=uploading_id,
            sent_at=Coalesce("sent_at", Value(sent_at or now)),
            accepted_at=now,
            settled_at=None if is_open else now,
            next_poll_at=next_poll_at if is_open else None,
            lease_until=None,
            polls=0,
            **quantities,
        )
    )


def fail(
    uploads: QuerySet[Upload],
    to: UploadState,
    *,
    not_before: datetime,
    attention: Attention | None,
) -> bool:
    """An attempt failed; `calls.delivery.policy.after_failure` says where the upload goes."""
    changes = {"not_before": not_before, "attention": attention or "", "lease_until": None}
    return bool(apply(uploads, FAIL, to, **changes))


def mark_damaged(uploads: QuerySet[Upload]) -> bool:
    """The stored bytes are not the frozen ones: a person decides."""
    changes = {"attention": Attention.DAMAGED, "lease_until": None}
    return bool(apply(uploads, MARK_DAMAGED, S.NEEDS_ATTENTION, **changes))


def release_stuck(uploads: QuerySet[Upload]) -> int:
    """The worker's lease ran out: whether the file arrived is unknown."""
    changes = {"lease_until": None, "lookups": 0, "looked_up_at": None}
    return apply(uploads, RELEASE_STUCK, S.UNCLEAR, **changes)


def count_absence(uploads: QuerySet[Upload], *, lookups: int, now: datetime) -> bool:
    """One more listing does not have the marker; that is not proof enough yet."""
    return bool(apply(uploads, COUNT_ABSENCE, S.UNCLEAR, lookups=lookups, looked_up_at=now))


def prove_absence(
    uploads: QuerySet[Upload], *, lookups: int, now: datetime, not_before: datetime
) -> bool:
    """Enough listings do not have the marker: the same bytes may be sent again."""
    changes = {"lookups": lookups, "looked_up_at": now, "not_before": not_before}
    return bool(apply(uploads, COUNT_ABSENCE, S.LATER, **changes))


def mark_duplicate(
    uploads: QuerySet[Upload],
    ids: Sequence[int],
    *,
    quantities: Quantities,
    now: datetime,
    sent_at: datetime | None = None,
) -> bool:
    """Metrika holds the file twice, whatever state the upload is in. `ids` are all its numbers.

    The number that is known as ours is kept, else the first. ``sent_at`` as in `take`.
    """
    found = {
        "uploading_id": Coalesce("uploading_id", Value(ids[0])),
        "duplicate_ids": list(ids),
        "sent_at": Coalesce("sent_at", Value(sent_at or now)),
        "looked_up_at": now,
        "next_poll_at": None,
        "lease_until": None,
        **quantities,
    }
    end = {"attention": Attention.DUPLICATE}
    return bool(apply(uploads, MARK_DUPLICATE, S.NEEDS_ATTENTION, **end, **found))


def settle(
    uploads: QuerySet[Upload],
    to: UploadState,
    *,
    attention: Attention | None,
    now: datetime,
    **changes: Any,
) -> bool:
    """Metrika has processed the file. `changes` are its counts and our count of polls."""
    end = {"attention": attention or "", "settled_at": now, "next_poll_at": None}
    return bool(apply(uploads, SETTLE, to, **end, **changes))


def give_up_unclear(uploads: QuerySet[Upload], *, now: datetime) -> int:
    """Past the 21 days with the answer lost: never repeated."""
    changes = {"attention": Attention.UNKNOWN_FATE, "settled_at": now}
    return apply(uploads, GIVE_UP_UNCLEAR, S.NEEDS_ATTENTION, **changes)


def give_up_sent(uploads: QuerySet[Upload], *, now: datetime) -> int:
    """Metrika has the file and gave no outcome within 21 days: never repeated."""
    changes = {"attention": Attention.NO_OUTCOME, "settled_at": now, "next_poll_at": None}
    return apply(uploads, GIVE_UP_SENT, S.NEEDS_ATTENTION, **changes)


def try_row_again(uploads: QuerySet[Upload], *, now: datetime) -> bool:
    """The only row of a refused file is sent once more: a refused file has not arrived."""
    return bool(apply(uploads, TRY_ROW_AGAIN, S.LATER, attention="", not_before=now))


def end_search(
    uploads: QuerySet[Upload], to: UploadState, attention: Attention, *, now: datetime
) -> bool:
    """The search in a refused file is over: cancelled for its parts, or left to a person."""
    settled_at = now if to == S.CANCELLED else None
    return bool(apply(uploads, END_SEARCH, to, attention=attention, settled_at=settled_at))


def quarantine(uploads: QuerySet[Upload]) -> bool:
    """Suspect rows wait for a person, in a part that is never sent by itself."""
    changes = {"attention": Attention.QUARANTINED, "settled_at": None}
    return bool(apply(uploads, QUARANTINE, S.NEEDS_ATTENTION, **changes))


def cancel_late(uploads: QuerySet[Upload], *, now: datetime) -> bool:
    """An unsent file has calls that are too late: its other calls are batched again."""
    changes = {"attention": Attention.GATHERED_ANEW, "settled_at": now}
    return bool(apply(uploads, CANCEL_LATE, S.CANCELLED, **changes))


def cancel(uploads: QuerySet[Upload], why: Attention, *, now: datetime) -> int:
    """End what Metrika certainly does not have."""
    return apply(uploads, CANCEL, S.CANCELLED, attention=why, settled_at=now)


def gather_again(uploads: QuerySet[Upload], *, now: datetime) -> int:
    """The rows of a refused file go back to waiting; the file keeps the reason of its refusal."""
    return apply(uploads, GATHER_AGAIN, S.CANCELLED, settled_at=now)


def doubt(uploads: QuerySet[Upload], *, sent_at: Combinable) -> int:
    """After a restore: it may have been sent, at ``sent_at`` at the latest, and is looked up."""
    changes = {"sent_at": sent_at, "lookups": 0, "looked_up_at": None, "lease_until": None}
    return apply(uploads, DOUBT, S.UNCLEAR, **changes)


def retry(uploads: QuerySet[Upload], *, now: datetime) -> int:
    """A person orders another attempt with the same bytes."""
    return apply(uploads, RETRY, S.LATER, attention="", not_before=now)
