"""Compares our uploads with Metrika's list: pure functions, without database and clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from calls.delivery.policy import FINAL_STATES, MARKER
from calls.states import TAKEN_UPLOADS, UploadState
from integrations.yandex.records import Uploading

#: Metrika's list may lag: an upload counts as missing this long after it was taken.
LIST_LAG = timedelta(hours=1)
#: While an upload is being sent or is unclear, the lookup decides, not the comparison.
UNDECIDED = (UploadState.SENDING, UploadState.UNCLEAR)
FINAL = {state: status for status, state in FINAL_STATES.items()}


@dataclass(frozen=True)
class Ours:
    """The values of one of our uploads to compare; the fields are columns of `Upload`."""

    id: int
    channel: int
    marker: str
    state: str
    rows: int
    uploading_id: int | None
    source_quantity: int | None
    line_quantity: int | None
    accepted_at: datetime | None


@dataclass(frozen=True)
class Finding:
    """One difference; the codes are those of `Difference`."""

    code: str
    upload_id: int | None = None
    uploading_ids: tuple[int, ...] = ()
    ours: str = ""
    theirs: str = ""


def compare(
    ours: Sequence[Ours],
    theirs: Sequence[Uploading],
    *,
    now: datetime,
) -> list[Finding]:
    """Return what differs between our uploads and Metrika's list of the same channel.

    Files that stand there twice, or that no upload here has the marker of, are not told again:
    `calls.delivery.listings.examine` has recorded them.
    """
    by_marker: dict[str, list[Uploading]] = defaultdict(list)
    for uploading in theirs:
        if MARKER.fullmatch(uploading.comment):
            by_marker[uploading.comment].append(uploading)
    return [
        finding for upload in ours for finding in _of_upload(upload, by_marker[upload.marker], now)
    ]


def _of_upload(upload: Ours, held: list[Uploading], now: datetime) -> Iterator[Finding]:
    ids = tuple(sorted(one.uploading_id for one in held))
    if upload.state in UNDECIDED or len(held) > 1:
        return
    if held and upload.uploading_id is None:
        yield Finding("arrived_unknown", upload.id, ids, ours=upload.state, theirs=held[0].status)
    elif held:
        yield from _of_pair(upload, held[0])
    elif _must_be_there(upload, now):
        yield Finding("missing_there", upload.id, ours=str(upload.uploading_id))


def _of_pair(upload: Ours, held: Uploading) -> Iterator[Finding]:
    ids = (held.uploading_id,)
    if held.source_quantity not in (None, upload.rows):
        counts = {"ours": str(upload.rows), "theirs": str(held.source_quantity)}
        yield Finding("quantity", upload.id, ids, **counts)
    elif _both(upload.line_quantity, held.line_quantity):
        counts = {"ours": str(upload.line_quantity), "theirs": str(held.line_quantity)}
        yield Finding("quantity", upload.id, ids, **counts)
    final = FINAL.get(UploadState(upload.state))
    if final is not None and held.status != final:
        yield Finding("status", upload.id, ids, ours=final, theirs=held.status)


def _both(ours: int | None, theirs: int | None) -> bool:
    """Whether both numbers are known and differ."""
    return ours is not None and theirs is not None and ours != theirs


def _must_be_there(upload: Ours, now: datetime) -> bool:
    taken_at = upload.accepted_at
    is_old = taken_at is None or taken_at <= now - LIST_LAG
    return upload.state in TAKEN_UPLOADS and is_old
