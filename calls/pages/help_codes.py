"""Which help page goes with the sentence that a page shows of a delivery or an upload."""

from __future__ import annotations

from calls.decision.reasons import REASONS
from calls.models import Upload
from calls.queries.display_state import DisplayDelivery
from calls.queries.link_proofs import ABSENT, LINKED, NOT_LINKED, Link
from calls.states import (
    GOAL_GONE,
    NOT_CONFIGURED,
    Attention,
    DisplayState,
    UploadState,
)

#: States that have a page of their own, or share that of a reason or a topic.
_OF_STATE: dict[str, str] = {
    DisplayState.AWAITS_SETTINGS: NOT_CONFIGURED,
    DisplayState.AWAITS_GOAL: GOAL_GONE,
    DisplayState.SENT: "appearance",
    DisplayState.ACCEPTED_STATIC: "accepted_static",
    DisplayState.UNMATCHED: "unmatched",
    DisplayState.PARTLY_LINKED: "partly_linked",
    DisplayState.LINK_UNKNOWN: "link_unknown",
    DisplayState.EXPIRED: Attention.EXPIRED.value,
}
_OF_LINK = {LINKED: "linked", NOT_LINKED: "unmatched", ABSENT: "absent_in_logs"}


def help_code_of(delivery: DisplayDelivery) -> str:
    """Return the code of the page about what `status_messages.sentence_of` says; '' for none."""
    shown = delivery.display_state
    if shown in (DisplayState.AWAITS_SETTINGS, DisplayState.EXPIRED):
        return _OF_STATE[shown]
    if delivery.reason in REASONS:
        return str(delivery.reason)
    upload = delivery.upload
    return (upload.attention if upload else "") or _OF_STATE.get(shown, "")


def help_code_of_link(link: Link | None) -> str:
    """Return the code of the page about what the logs say of a row; '' for none."""
    return _OF_LINK.get(link.value, "") if link else ""


def help_code_of_upload(upload: Upload) -> str:
    """Return the code of the page about an upload's state; '' for none."""
    if upload.attention:
        return upload.attention
    if upload.state == UploadState.LINKAGE_FAILURE:
        return "accepted_static" if upload.is_static else "unmatched"
    return "appearance" if upload.state == UploadState.SENT else ""
