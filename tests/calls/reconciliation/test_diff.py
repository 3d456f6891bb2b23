"""Differences between our uploads and Metrika's list, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calls.reconciliation.diff import Finding, Ours, compare
from integrations.yandex.records import Uploading

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
MARK = f"ck{1:032x}"
LOST = f"ck{2:032x}"


def ours(**fields: Any) -> Ours:
    values: dict[str, Any] = {
        "id": 1,
        "channel": 1,
        "marker": MARK,
        "state": "processed",
        "rows": 3,
        "uploading_id": 70,
        "source_quantity": 3,
        "line_quantity": 3,
        "accepted_at": NOW - timedelta(hours=2),
    }
    return Ours(**values | fields)


def theirs(**fields: Any) -> Uploading:
    values: dict[str, Any] = {
        "uploading_id": 70,
        "status": "PROCESSED",
        "comment": MARK,
        "source_quantity": 3,
        "line_quantity": 3,
        "static_quantity": 0,
        "dynamic_quantity": 3,
        "linked_quantity": 3,
        "user_not_found_quantity": 0,
        "create_time": NOW,
    }
    return Uploading(**values | fields)


CASES: list[tuple[list[Ours], list[Uploading], list[Finding]]] = [
    ([ours()], [theirs()], []),
    ([], [], []),
    # missing in Metrika
    ([ours()], [], [Finding("missing_there", 1, ours="70")]),
    ([ours(accepted_at=NOW - timedelta(minutes=59))], [], []),
    ([ours(state="ready", uploading_id=None)], [], []),
    ([ours(state="cancelled", uploading_id=None)], [], []),
    # in Metrika, but not taken here
    (
        [ours(state="later", uploading_id=None)],
        [theirs()],
        [Finding("arrived_unknown", 1, (70,), ours="later", theirs="PROCESSED")],
    ),
    (
        [ours(state="cancelled", uploading_id=None)],
        [theirs()],
        [Finding("arrived_unknown", 1, (70,), ours="cancelled", theirs="PROCESSED")],
    ),
    ([ours(state="sending", uploading_id=None)], [theirs()], []),
    ([ours(state="unclear", uploading_id=None)], [theirs()], []),
    # doubled: told by `calls.delivery.listings`
    ([ours()], [theirs(uploading_id=71), theirs()], []),
    # other counts
    (
        [ours()],
        [theirs(source_quantity=2)],
        [Finding("quantity", 1, (70,), ours="3", theirs="2")],
    ),
    ([ours()], [theirs(line_quantity=2)], [Finding("quantity", 1, (70,), ours="3", theirs="2")]),
    ([ours(line_quantity=2)], [theirs(line_quantity=2)], []),
    ([ours()], [theirs(source_quantity=None, line_quantity=None)], []),
    # another status
    (
        [ours()],
        [theirs(status="LINKAGE_FAILURE")],
        [Finding("status", 1, (70,), ours="PROCESSED", theirs="LINKAGE_FAILURE")],
    ),
    ([ours(state="sent")], [theirs(status="MATCHED")], []),
    # a marker of ours without an upload here: told by `calls.delivery.listings`
    ([], [theirs(comment=LOST)], []),
    ([], [theirs(comment="Upload by rym")], []),
]


@pytest.mark.parametrize(("our_uploads", "their_list", "expected"), CASES)
def test_differences_of_one_upload(
    our_uploads: list[Ours], their_list: list[Uploading], expected: list[Finding]
) -> None:
    found = compare(our_uploads, their_list, now=NOW)

    assert found == expected
