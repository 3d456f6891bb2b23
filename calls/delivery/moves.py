"""The table of moves of an upload: from which states, to which, by whom.

They are made by `calls.delivery.transitions`; who moves an upload out of each state, and when, is
in `calls.delivery.state_table`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import Q

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
