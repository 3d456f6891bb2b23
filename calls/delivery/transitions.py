"""Says of every state who takes it further and how: the clock, a person, or nobody, being final.

Read by the tests, which hold the table complete and its names true, and by docs/states.md, which
is this table. A state that is missing here would be one in which something waits for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from calls.states import Attention, DeliveryState, UploadState

Key = tuple[UploadState, Attention | None]


class Owner(StrEnum):
    """Who has to act."""

    CLOCK = "clock"
    PERSON = "person"
    #: The state of the upload it belongs to decides.
    UPLOAD = "upload"
    FINAL = "final"


@dataclass(frozen=True)
class WayOut:
    """The next step. ``by``: tasks of the timetable, or addresses a person can press."""

    owner: Owner
    step: str
    by: tuple[str, ...] = ()
    #: What ends it when nobody acts.
    at_last: tuple[str, ...] = ()


EXPIRES = ("calls.expire_overdue",)
CALL_OFF = "calls:upload-call-off"
RETRY = "calls:upload-retry"
GATHER = "calls:upload-gather-again"
RELEASE = "calls:release"
REPEAT = "calls:send-again"

OF_DELIVERY: dict[DeliveryState, WayOut] = {
    DeliveryState.WAITING: WayOut(
        Owner.CLOCK,
        "gathered into an upload when due; held while its counter, account or goal is stopped",
        ("calls.build_uploads",),
        EXPIRES,
    ),
    DeliveryState.BATCHED: WayOut(Owner.UPLOAD, "as its upload"),
    DeliveryState.SKIPPED: WayOut(
        Owner.FINAL, "decided anew only when the call changes; released if a person called it off"
    ),
    DeliveryState.EXPIRED: WayOut(Owner.FINAL, "past Metrika's 21 days; shown and counted"),
    DeliveryState.NEEDS_ATTENTION: WayOut(
        Owner.PERSON, "not written by any step; support would see it", (RELEASE,), EXPIRES
    ),
    DeliveryState.ROW_REFUSED: WayOut(
        Owner.FINAL, "Metrika does not have it; a person may send it again", (REPEAT,)
    ),
}

OF_UPLOAD: dict[Key, WayOut] = {
    (UploadState.READY, None): WayOut(Owner.CLOCK, "sent", ("calls.send_due",), EXPIRES),
    (UploadState.LATER, None): WayOut(
        Owner.CLOCK, "sent again at its time", ("calls.send_due",), EXPIRES
    ),
    (UploadState.SENDING, None): WayOut(
        Owner.CLOCK,
        "ended by its worker; called unclear when the lease has run out",
        ("calls.send_due", "calls.release_stuck"),
    ),
    (UploadState.UNCLEAR, None): WayOut(
        Owner.CLOCK,
        "looked up in Metrika's list; repeated only after proof of absence",
        ("calls.resolve_unclear",),
        EXPIRES,
    ),
    (UploadState.SPLITTING, Attention.SPLIT): WayOut(
        Owner.CLOCK, "half of it is sent to find the bad row", ("calls.isolate_refused",), EXPIRES
    ),
    (UploadState.SPLITTING, Attention.TOO_LARGE): WayOut(
        Owner.CLOCK, "sent in two halves", ("calls.isolate_refused",), EXPIRES
    ),
    (UploadState.SENT, None): WayOut(
        Owner.CLOCK, "Metrika is asked what became of it", ("calls.poll_open",), EXPIRES
    ),
    (UploadState.SENT, Attention.OVERDUE): WayOut(
        Owner.CLOCK, "asked once a day, and a person is told", ("calls.poll_open",), EXPIRES
    ),
    (UploadState.SENT, Attention.ROW_REFUSED): WayOut(
        Owner.CLOCK, "asked on; never split or repeated", ("calls.poll_open",), EXPIRES
    ),
    (UploadState.SENT, Attention.QUANTITY): WayOut(
        Owner.CLOCK, "asked on; never repeated", ("calls.poll_open",), EXPIRES
    ),
    (UploadState.PROCESSED, None): WayOut(Owner.FINAL, "accepted"),
    (UploadState.PROCESSED, Attention.ROW_REFUSED): WayOut(
        Owner.FINAL, "accepted in part, with numbers; a repeat would double the rest"
    ),
    (UploadState.PROCESSED, Attention.QUANTITY): WayOut(
        Owner.FINAL, "Metrika counts more rows than were sent; nobody can undo it"
    ),
    (UploadState.LINKAGE_FAILURE, Attention.QUANTITY): WayOut(
        Owner.FINAL, "more rows than were sent, no visits found"
    ),
    (UploadState.LINKAGE_FAILURE, None): WayOut(Owner.FINAL, "accepted, no visits found"),
    (UploadState.LINKAGE_FAILURE, Attention.ROW_REFUSED): WayOut(
        Owner.FINAL, "accepted in part, no visits found"
    ),
    (UploadState.NEEDS_ATTENTION, Attention.REJECTED): WayOut(
        Owner.PERSON,
        "our mistake: sent again, gathered anew or called off",
        (RETRY, GATHER, CALL_OFF),
        EXPIRES,
    ),
    (UploadState.NEEDS_ATTENTION, Attention.QUARANTINED): WayOut(
        Owner.PERSON,
        "too many refusals today: sent again tomorrow, gathered anew or called off",
        (RETRY, GATHER, CALL_OFF),
        EXPIRES,
    ),
    (UploadState.NEEDS_ATTENTION, Attention.GOAL_GONE): WayOut(
        Owner.PERSON,
        "another goal is chosen in the settings and the rows go with it by themselves",
        ("counters:settings", GATHER, CALL_OFF),
        EXPIRES,
    ),
    (UploadState.NEEDS_ATTENTION, Attention.DAMAGED): WayOut(
        Owner.PERSON, "gathered anew or called off", (GATHER, CALL_OFF), EXPIRES
    ),
    (UploadState.NEEDS_ATTENTION, Attention.DUPLICATE): WayOut(
        Owner.FINAL, "Metrika holds it twice and nobody can undo it; both numbers are shown"
    ),
    (UploadState.NEEDS_ATTENTION, Attention.UNKNOWN_FATE): WayOut(
        Owner.FINAL, "past the 21 days with its answer lost; never repeated"
    ),
    (UploadState.NEEDS_ATTENTION, Attention.NO_OUTCOME): WayOut(
        Owner.FINAL, "with Metrika, which told no outcome within 21 days; never repeated"
    ),
    **{
        (UploadState.CANCELLED, why): WayOut(Owner.FINAL, step)
        for why, step in {
            Attention.SPLIT: "its rows went in other uploads",
            Attention.TOO_LARGE: "its rows went in two halves",
            Attention.ROW_REFUSED: "its only row is refused",
            Attention.GATHERED_ANEW: "its late calls ended, the others went in other uploads",
            Attention.EXPIRED: "past Metrika's 21 days",
            Attention.COUNTER_REMOVED: "its counter left the cabinet",
            Attention.CALLED_OFF: "a person called it off",
            Attention.GOAL_GONE: "its rows went back to wait for the goal chosen now",
            Attention.REJECTED: "its rows were gathered anew",
            Attention.QUARANTINED: "its rows were gathered anew",
            Attention.DAMAGED: "its rows were gathered anew",
        }.items()
    },
}


def as_markdown() -> str:
    """Return the table as docs/states.md prints it."""
    lines = [
        "| what | state | reason | owner | next step | by | at last |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for delivery, way in OF_DELIVERY.items():
        lines.append(_line("delivery", delivery.name.lower(), "", way))
    for (state, why), way in OF_UPLOAD.items():
        lines.append(_line("upload", state.value, why.value if why else "", way))
    return "\n".join(lines) + "\n"


def _line(what: str, state: str, why: str, way: WayOut) -> str:
    by, at_last = ", ".join(way.by), ", ".join(way.at_last)
    cells = [what, state, why, way.owner.value, way.step, by, at_last]
    return f"| {' | '.join(cells)} |"
