"""Owner (beat, user, none) and next step of every state of a delivery and of an upload.

Tests check that no state is missing and that the tasks and URL names exist; docs/states.md prints
this table. The moves between the states of an upload are in `calls.delivery.transitions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from calls.states import Attention, DeliveryState, UploadState

Key = tuple[UploadState, Attention | None]


class Owner(StrEnum):
    """Who has to act."""

    #: A Celery task that beat starts.
    BEAT = "beat"
    #: A button of the cabinet, or an action of the admin.
    USER = "user"
    #: The state of the upload that the delivery belongs to.
    UPLOAD = "upload"
    #: The state is final.
    NONE = "none"


@dataclass(frozen=True)
class StateRow:
    """Owner and next step of one state. ``by``: Celery tasks, or URL names of buttons."""

    owner: Owner
    step: str
    by: tuple[str, ...] = ()
    #: Celery tasks that end it when nobody acts.
    at_last: tuple[str, ...] = ()


EXPIRES = ("calls.expire_overdue",)
CALL_OFF = "calls:upload-call-off"
RETRY = "calls:upload-retry"
GATHER = "calls:upload-gather-again"
REPEAT = "calls:send-again"

DELIVERY_STATES: dict[DeliveryState, StateRow] = {
    DeliveryState.WAITING: StateRow(
        Owner.BEAT,
        "batched into an upload when due; waits while its counter is not sendable or its goal "
        "gone, and while it is decided again after a change of the counter",
        ("calls.build_uploads", "calls.apply_changes"),
        EXPIRES,
    ),
    DeliveryState.BATCHED: StateRow(Owner.UPLOAD, "as its upload"),
    DeliveryState.SKIPPED: StateRow(
        Owner.NONE,
        "decided again when the call changes; with the first settings if it waits for them; "
        "released or sent if a person orders it; an unreadable identifier waits for a corrected "
        "record, or goes as unlinked by a person's order; what is held back and what the settings "
        "exclude goes by an order for a counter; what is held back also when an ordinary record "
        "of a loaded call comes",
        ("calls:send-unlinked", "calls:send"),
    ),
    DeliveryState.EXPIRED: StateRow(Owner.NONE, "past Metrika's 21 days; shown and counted"),
    DeliveryState.ROW_REFUSED: StateRow(
        Owner.NONE, "Metrika does not have it; a person may send it again", (REPEAT,)
    ),
}

UPLOAD_STATES: dict[Key, StateRow] = {
    (UploadState.READY, None): StateRow(Owner.BEAT, "sent", ("calls.send_due",), EXPIRES),
    (UploadState.LATER, None): StateRow(
        Owner.BEAT, "sent again at its time", ("calls.send_due",), EXPIRES
    ),
    (UploadState.SENDING, None): StateRow(
        Owner.BEAT,
        "ended by its worker; unclear when the lease has run out",
        ("calls.send_due", "calls.release_stuck"),
    ),
    (UploadState.UNCLEAR, None): StateRow(
        Owner.BEAT,
        "looked up in Metrika's list; repeated only after proof of absence",
        ("calls.resolve_unclear",),
        EXPIRES,
    ),
    (UploadState.SPLITTING, Attention.SPLIT): StateRow(
        Owner.BEAT, "half of it is sent to find the bad row", ("calls.isolate_refused",), EXPIRES
    ),
    (UploadState.SPLITTING, Attention.TOO_LARGE): StateRow(
        Owner.BEAT, "sent in two halves", ("calls.isolate_refused",), EXPIRES
    ),
    (UploadState.SENT, None): StateRow(
        Owner.BEAT, "polled for its result", ("calls.poll_open",), EXPIRES
    ),
    (UploadState.SENT, Attention.OVERDUE): StateRow(
        Owner.BEAT, "polled once a day, and shown as overdue", ("calls.poll_open",), EXPIRES
    ),
    (UploadState.SENT, Attention.ROW_REFUSED): StateRow(
        Owner.BEAT, "polled for its result; never split or repeated", ("calls.poll_open",), EXPIRES
    ),
    (UploadState.SENT, Attention.QUANTITY): StateRow(
        Owner.BEAT, "polled for its result; never repeated", ("calls.poll_open",), EXPIRES
    ),
    (UploadState.PROCESSED, None): StateRow(Owner.NONE, "accepted"),
    (UploadState.PROCESSED, Attention.ROW_REFUSED): StateRow(
        Owner.NONE, "accepted in part, with counts; a repeat would double the rest"
    ),
    (UploadState.PROCESSED, Attention.QUANTITY): StateRow(
        Owner.NONE, "Metrika counts more rows than were sent; it cannot be undone"
    ),
    (UploadState.LINKAGE_FAILURE, Attention.QUANTITY): StateRow(
        Owner.NONE, "more rows than were sent, no visits found"
    ),
    (UploadState.LINKAGE_FAILURE, None): StateRow(Owner.NONE, "accepted, no visits found"),
    (UploadState.LINKAGE_FAILURE, Attention.ROW_REFUSED): StateRow(
        Owner.NONE, "accepted in part, no visits found"
    ),
    (UploadState.NEEDS_ATTENTION, Attention.REJECTED): StateRow(
        Owner.USER,
        "a fault of ours: sent again, batched again or called off",
        (RETRY, GATHER, CALL_OFF),
        EXPIRES,
    ),
    (UploadState.NEEDS_ATTENTION, Attention.QUARANTINED): StateRow(
        Owner.USER,
        "too many refusals today: sent again tomorrow, batched again or called off",
        (RETRY, GATHER, CALL_OFF),
        EXPIRES,
    ),
    (UploadState.NEEDS_ATTENTION, Attention.GOAL_GONE): StateRow(
        Owner.USER,
        "the rows are sent by themselves once another goal is chosen in the settings",
        ("counters:settings", GATHER, CALL_OFF),
        EXPIRES,
    ),
    (UploadState.NEEDS_ATTENTION, Attention.DAMAGED): StateRow(
        Owner.USER, "batched again or called off", (GATHER, CALL_OFF), EXPIRES
    ),
    (UploadState.NEEDS_ATTENTION, Attention.DUPLICATE): StateRow(
        Owner.NONE, "Metrika has it twice, which cannot be undone; both ids are shown"
    ),
    (UploadState.NEEDS_ATTENTION, Attention.UNKNOWN_FATE): StateRow(
        Owner.NONE, "past the 21 days with Metrika's answer lost; never repeated"
    ),
    (UploadState.NEEDS_ATTENTION, Attention.NO_OUTCOME): StateRow(
        Owner.NONE, "taken by Metrika without a result in 21 days; never repeated"
    ),
    **{
        (UploadState.CANCELLED, why): StateRow(Owner.NONE, step)
        for why, step in {
            Attention.SPLIT: "its rows went in other uploads",
            Attention.TOO_LARGE: "its rows went in two halves",
            Attention.ROW_REFUSED: "its only row is refused",
            Attention.GATHERED_ANEW: "its late calls expired, the others went in other uploads",
            Attention.EXPIRED: "past Metrika's 21 days",
            Attention.COUNTER_REMOVED: "its counter was removed from the cabinet",
            Attention.CALLED_OFF: "a person called it off",
            Attention.SENT_BEFORE: "its calls may have gone in files that a restored database lost",
            Attention.GOAL_GONE: "its rows returned to waiting, for the goal chosen now",
            Attention.REJECTED: "its rows were batched again",
            Attention.QUARANTINED: "its rows were batched again",
            Attention.DAMAGED: "its rows were batched again",
        }.items()
    },
}
