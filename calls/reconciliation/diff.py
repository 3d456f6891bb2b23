"""Compares our uploads with Metrika's list: pure functions, without database and clock."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from calls.delivery.policy import FINAL_STATES
from calls.states import TAKEN_UPLOADS, UploadState
from integrations.yandex.records import Uploading

#: The format of our markers; other comments belong to other tools of the customer.
MARKER = re.compile(r"ck[0-9a-f]{32}")
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
    known: Collection[str],
    since: datetime,
    now: datetime,
) -> list[Finding]:
    """Return what differs between our uploads and Metrika's list of the same channel.

    ``known`` are the markers of the list that are ours, however old; ``ours`` is complete
    ``since`` that time.
    """
    by_marker: dict[str, list[Uploading]] = defaultdict(list)
    for uploading in theirs:
        if MARKER.fullmatch(uploading.comment):
            by_marker[uploading.comment].append(uploading)
    found = [
        finding for upload in ours for finding in _of_upload(upload, by_marker[upload.marker], now)
    ]
    return found + list(_unknown(by_marker, known, since))


def _of_upload(upload: Ours, held: list[Uploading], now: datetime) -> Iterator[Finding]:
    ids = tuple(sorted(one.uploading_id for one in held))
    if upload.state in UNDECIDED:
        return
    if len(held) > 1:
        yield Finding("doubled", upload.id, ids, ours="1", theirs=str(len(held)))
    elif held and upload.uploading_id is None:
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


def _unknown(
    by_marker: dict[str, list[Uploading]], known: Collection[str], since: datetime
) -> Iterator[Finding]:
    for marker, held in by_marker.items():
        recent = [one for one in held if one.create_time is None or one.create_time >= since]
        if marker not in known and recent:
            ids = tuple(sorted(one.uploading_id for one in recent))
            yield Finding("unknown_marker", None, ids, theirs=marker)
