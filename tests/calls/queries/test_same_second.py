"""Goal rows of one visitor in one second, which Metrika counts once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calls.models import Call, Delivery
from calls.queries.same_second import SameSecond, rows_of_same_second, same_second
from calls.states import Attention, Channel, DeliveryState, IdKind, UploadState
from counters.metrika_goal import TARGET_SEPARATOR
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

AT = datetime(2026, 11, 20, 9, 0, 0, tzinfo=UTC)
VISITOR = "1718031415926530000"


def goal_call(counter: Counter, at: datetime = AT, **fields: Any) -> tuple[Call, Delivery]:
    """Create a call and its accepted row in the goal channel."""
    row = {
        key: fields.pop(key) for key in ("state", "reason", "id_kind", "channel") if key in fields
    }
    upload = {"target": "call"} | fields.pop("upload", {})
    call = make_call(cabinet=counter.cabinet, started_at=at, **{"client_id": VISITOR} | fields)
    made = make_upload(
        counter=counter,
        channel=Channel.GOAL,
        oldest_call_at=at,
        newest_call_at=at,
        **{"state": UploadState.PROCESSED} | upload,
    )
    is_in_file = row.get("state") not in (DeliveryState.WAITING, DeliveryState.SKIPPED)
    delivery = make_delivery(
        call=call,
        counter=counter,
        upload=made if is_in_file else None,
        **{"channel": Channel.GOAL} | row,
    )
    return call, delivery


def pairs(*deliveries: Delivery) -> dict[tuple[int, int], SameSecond]:
    return same_second(deliveries)


def test_two_rows_of_a_visitor_in_one_second_know_each_other(counter: Counter) -> None:
    first, first_row = goal_call(counter)
    second, second_row = goal_call(counter, AT + timedelta(milliseconds=999))
    _, third_row = goal_call(counter, AT + timedelta(seconds=1))

    assert pairs(first_row, second_row, third_row) == {
        (first.pk, counter.pk): SameSecond(second.external_id, 1),
        (second.pk, counter.pk): SameSecond(first.external_id, 1),
    }


def test_three_rows_of_one_second_count_the_others(counter: Counter) -> None:
    rows = [goal_call(counter, external_id=name)[1] for name in ("1", "2", "3")]

    assert pairs(rows[0])[rows[0].call_id, counter.pk] == SameSecond("2", 2)


@pytest.mark.parametrize(
    "other",
    [
        {"client_id": "1718031415926530001"},
        {"id_kind": IdKind.USER_ID, "user_id": VISITOR},
        {"channel": Channel.CALLS},
        {"state": DeliveryState.SKIPPED, "reason": "too_short"},
        {"upload": {"state": UploadState.CANCELLED, "uploading_id": None}},
        {
            "upload": {
                "state": UploadState.NEEDS_ATTENTION,
                "attention": Attention.REJECTED,
                "uploading_id": None,
            }
        },
        {"upload": {"target": "another_goal"}},
    ],
)
def test_another_visitor_goal_or_a_row_that_is_not_sent_is_no_pair(
    counter: Counter, other: dict[str, Any]
) -> None:
    _, row = goal_call(counter)
    _, other_row = goal_call(counter, **other)

    assert pairs(row, other_row) == {}


@pytest.mark.parametrize(
    ("target", "found"), [("обратный звонок", 2), (f"lead{TARGET_SEPARATOR}call", 0)]
)
def test_callback_and_call_are_a_pair_unless_their_file_names_two_goals(
    counter: Counter, target: str, found: int
) -> None:
    rows = [
        goal_call(counter, kind=kind, upload={"target": target})[1]
        for kind in ("incoming", "callback")
    ]

    assert len(pairs(*rows)) == found


def test_another_counter_counts_its_own_goal(counter: Counter) -> None:
    _, row = goal_call(counter)
    goal_call(factories.make_counter(account=counter.account))

    assert pairs(row) == {}


def test_empty_identifiers_are_no_visitor(counter: Counter) -> None:
    rows = [goal_call(counter, client_id="")[1] for _ in range(2)]

    assert pairs(*rows) == {}


def test_waiting_row_and_a_corrected_start_are_found(counter: Counter) -> None:
    call, row = goal_call(counter, state=DeliveryState.WAITING)
    corrected, _ = goal_call(counter, AT + timedelta(days=2))
    Call.objects.filter(pk=corrected.pk).update(started_at=AT)

    assert pairs(row) == {(call.pk, counter.pk): SameSecond(corrected.external_id, 1)}


def test_channel_calls_needs_no_query(counter: Counter, django_assert_num_queries: Any) -> None:
    delivery = make_delivery(call=make_call(cabinet=counter.cabinet), counter=counter)

    with django_assert_num_queries(0):
        assert pairs(delivery) == {}


def test_upload_counts_its_rows_that_share_a_second(counter: Counter) -> None:
    _, row = goal_call(counter)
    goal_call(counter)
    upload = row.upload
    assert upload is not None
    alone, _ = goal_call(counter, AT + timedelta(hours=1))
    make_delivery(
        call=alone,
        counter=factories.make_counter(account=counter.account),
        upload=upload,
        row_number=2,
        channel=Channel.GOAL,
    )

    assert rows_of_same_second(upload) == 1
    assert rows_of_same_second(make_upload(counter=counter)) == 0
