"""The only module that writes `Upload.state`: every legal move, and one function for each.

A move is a compare-and-set: one UPDATE whose WHERE names the states it may start from, so if two
processes try the same move, one of them changes nothing. The callers narrow the uploads (by primary
key, by attempt, by time) and hold the locks that their own step needs; a move adds the states.
Who moves an upload out of each state, and when, is in `calls.delivery.state_table`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from calls.delivery.state_table import UPLOAD_STATES
from calls.models import Upload
from calls.states import TAKEN_UPLOADS, TO_SEND, Attention, UploadState

S = UploadState

#: Reasons after which Metrika certainly has nothing, so that a person may order another attempt.
RETRYABLE = (Attention.REJECTED, Attention.QUARANTINED)
#: Reasons with which a file certainly has not arrived: it may be called off.
NOT_ARRIVED = (*RETRYABLE, Attention.GOAL_GONE, Attention.DAMAGED)
#: Reasons with which a list may still show the file: it was refused and taken all the same, or sent
#: again by a person after the dump from which the database was restored.
TAKEN_ALL_THE_SAME = (*NOT_ARRIVED, Attention.UNKNOWN_FATE)
#: States in which an upload has not arrived and no worker is sending it.
AT_REST = (*TO_SEND, S.SPLITTING)


class IllegalTransition(Exception):
    """A move was asked to end in a state that is in no table. Nothing was written."""


@dataclass(frozen=True)
class Move:
    """A row of the table of moves: from which states, to which, by whom."""

    name: str
    sources: tuple[UploadState, ...]
    targets: tuple[UploadState, ...]
    #: Celery tasks and URL names that make the move.
    by: tuple[str, ...]
    #: From `needs_attention` only with these reasons, and only while Metrika has given no id.
    reasons: tuple[Attention, ...] = field(default=())

    @property
    def condition(self) -> Q:
        """The WHERE of the move."""
        plain = [state for state in self.sources if state != S.NEEDS_ATTENTION or not self.reasons]
        where = Q(state__in=plain)
        if self.reasons:
            where |= Q(state=S.NEEDS_ATTENTION, attention__in=self.reasons, uploading_id=None)
        return where

    def allows(self, upload: Upload) -> bool:
        """Whether the move may start from where this upload stands; the same as `condition`."""
        if upload.state == S.NEEDS_ATTENTION and self.reasons:
            return upload.attention in self.reasons and upload.uploading_id is None
        return upload.state in self.sources


SEND_DUE = ("calls.send_due",)
BISECT = ("calls.isolate_refused",)
EXPIRE = ("calls.expire_overdue",)
#: Read Metrika's lists of uploadings, which `calls.delivery.listings.examine` examines.
LISTINGS = (
    "calls.look_before_send",
    "calls.resolve_unclear",
    "calls.poll_open",
    "calls.reconcile",
)
#: Takes over files that a restored database does not know; `manage.py after_restore` is no task.
RESTORE = ("calls.build_uploads",)

CLAIM = Move("claim", TO_SEND, (S.SENDING,), SEND_DUE)
TAKE = Move(
    "take",
    (*TO_SEND, S.SENDING, S.UNCLEAR, S.NEEDS_ATTENTION),
    TAKEN_UPLOADS,
    (*SEND_DUE, *LISTINGS, *RESTORE),
    TAKEN_ALL_THE_SAME,
)
#: A list shows the file of an upload that was held not to have arrived.
TAKE_FOUND = Move(
    "take found",
    (*AT_REST, S.CANCELLED, S.NEEDS_ATTENTION),
    TAKEN_UPLOADS,
    LISTINGS,
    TAKEN_ALL_THE_SAME,
)
FAIL = Move("fail", (S.SENDING,), (S.LATER, S.UNCLEAR, S.SPLITTING, S.NEEDS_ATTENTION), SEND_DUE)
MARK_DAMAGED = Move("mark damaged", (S.SENDING,), (S.NEEDS_ATTENTION,), SEND_DUE)
RELEASE_STUCK = Move("release stuck", (S.SENDING,), (S.UNCLEAR,), ("calls.release_stuck",))
COUNT_ABSENCE = Move(
    "count absence", (S.UNCLEAR,), (S.UNCLEAR, S.LATER), ("calls.resolve_unclear",)
)
MARK_DUPLICATE = Move("mark duplicate", tuple(S), (S.NEEDS_ATTENTION,), LISTINGS)
SETTLE = Move("settle", (S.SENT,), (S.PROCESSED, S.LINKAGE_FAILURE), ("calls.poll_open",))
GIVE_UP_UNCLEAR = Move("give up unclear", (S.UNCLEAR,), (S.NEEDS_ATTENTION,), EXPIRE)
GIVE_UP_SENT = Move("give up sent", (S.SENT,), (S.NEEDS_ATTENTION,), EXPIRE)
TRY_ROW_AGAIN = Move("try row again", (S.SPLITTING,), (S.LATER,), BISECT)
END_SEARCH = Move("end search", (S.SPLITTING,), (S.CANCELLED, S.NEEDS_ATTENTION), BISECT)
QUARANTINE = Move("quarantine", (S.READY,), (S.NEEDS_ATTENTION,), BISECT)
CANCEL_LATE = Move("cancel late", TO_SEND, (S.CANCELLED,), EXPIRE)
CANCEL = Move(
    "cancel",
    (*AT_REST, S.NEEDS_ATTENTION),
    (S.CANCELLED,),
    (*EXPIRE, *RESTORE, "calls:upload-call-off", "counters:delete"),
    NOT_ARRIVED,
)
GATHER_AGAIN = Move(
    "gather again",
    (S.NEEDS_ATTENTION,),
    (S.CANCELLED,),
    ("calls:upload-gather-again", "counters:settings"),
    NOT_ARRIVED,
)
DOUBT = Move("doubt", (*TO_SEND, S.SENDING, S.UNCLEAR), (S.UNCLEAR,), RESTORE)
RETRY = Move("retry", (S.LATER, S.NEEDS_ATTENTION), (S.LATER,), ("calls:upload-retry",), RETRYABLE)

#: Every legal move. An upload is created `ready` (`calls.delivery.uploads.create_upload`).
MOVES = (
    CLAIM,
    TAKE,
    TAKE_FOUND,
    FAIL,
    MARK_DAMAGED,
    RELEASE_STUCK,
    COUNT_ABSENCE,
    MARK_DUPLICATE,
    SETTLE,
    GIVE_UP_UNCLEAR,
    GIVE_UP_SENT,
    TRY_ROW_AGAIN,
    END_SEARCH,
    QUARANTINE,
    CANCEL_LATE,
    CANCEL,
    GATHER_AGAIN,
    DOUBT,
    RETRY,
)

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
