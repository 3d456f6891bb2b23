"""The state and the attempts of an upload, for its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from calls.models import Upload
from calls.pages.attempt_messages import AttemptLine, describe
from calls.pages.status_messages import sentence_of_upload
from calls.queries.blockers import blocker_of
from calls.queries.display_state import display_state_of_upload
from calls.states import TONES, UploadState


@dataclass(frozen=True)
class UploadStatus:
    """The upload's state as its page shows it."""

    text: str
    tone: str
    sentence: str


def upload_status(upload: Upload, *, now: datetime) -> UploadStatus:
    """Return the state in the same words as its calls'. Load it with counter and account."""
    shown = display_state_of_upload(upload.pk)
    return UploadStatus(
        text=label_of(upload),
        tone=TONES[shown],
        sentence=sentence_of_upload(upload, shown, blocker=blocker_of(upload.counter, now=now)),
    )


def attempts_of(upload: Upload, *, with_answers: bool) -> list[AttemptLine]:
    """Return all attempts and lookups, oldest first."""
    attempts = upload.tries.order_by("started_at", "pk")
    return [describe(attempt, with_answer=with_answers) for attempt in attempts]


def sent_at_of(upload: Upload) -> datetime | None:
    """Return when the upload was sent; None while Metrika is not known to have it.

    Until then `Upload.sent_at` is the time of an attempt.
    """
    return upload.sent_at if upload.uploading_id else None


def label_of(upload: Upload) -> str:
    """Return the upload's state in a word or two."""
    if upload.state == UploadState.LINKAGE_FAILURE and upload.is_static:
        # Static calls are never linked to visits, so this is no failure.
        return str(UploadState.PROCESSED.label)
    return str(upload.get_state_display())
