"""Linked rows that Metrika tells after it has processed a file."""

from __future__ import annotations

from typing import Any

import pytest

from calls.models import Upload
from calls.reconciliation.refresh import refresh_linked
from calls.states import Channel, UploadState
from counters.models import Counter
from integrations.yandex.records import Uploading
from tests.calls.ledger import make_upload


def told(upload: Upload, linked: int | None, missed: int | None) -> Uploading:
    return Uploading(
        uploading_id=upload.uploading_id or 0,
        status="PROCESSED",
        comment=upload.marker,
        linked_quantity=linked,
        user_not_found_quantity=missed,
    )


def counts_of(upload: Upload) -> tuple[int | None, int | None]:
    upload.refresh_from_db()
    return upload.linked_quantity, upload.user_not_found_quantity


@pytest.mark.parametrize(
    ("known", "now", "kept"),
    [
        ((None, None), (17, 8), (17, 8)),
        ((0, 0), (17, 8), (17, 8)),
        ((16, 9), (17, 8), (17, 8)),
        ((17, 8), (None, None), (17, 8)),
        ((17, 8), (17, 8), (17, 8)),
    ],
)
def test_counts_that_are_told_later_are_taken_over(
    counter: Counter,
    known: tuple[int | None, int | None],
    now: tuple[int | None, int | None],
    kept: tuple[int, int],
) -> None:
    upload = make_upload(
        counter=counter,
        state=UploadState.PROCESSED,
        rows=25,
        linked_quantity=known[0],
        user_not_found_quantity=known[1],
    )

    changed = refresh_linked(counter, [told(upload, *now)], channel=Channel.CALLS)

    assert counts_of(upload) == kept
    assert changed == (known != kept)


def test_file_in_process_or_of_another_channel_is_left_alone(counter: Counter) -> None:
    in_process = make_upload(counter=counter, rows=25)
    goal = make_upload(counter=counter, rows=25, channel=Channel.GOAL, state=UploadState.PROCESSED)

    answers = [told(in_process, 17, 8), told(goal, 17, 8)]

    assert refresh_linked(counter, answers, channel=Channel.CALLS) == 0
    assert counts_of(in_process) == counts_of(goal) == (None, None)


def test_many_uploads_need_two_queries(
    counter: Counter, django_assert_max_num_queries: Any
) -> None:
    uploads = [make_upload(counter=counter, state=UploadState.PROCESSED) for _ in range(5)]
    answers = [told(one, 1, 0) for one in uploads]

    # The uploads, and one update in a savepoint.
    with django_assert_max_num_queries(4):
        assert refresh_linked(counter, answers, channel=Channel.CALLS) == 5
