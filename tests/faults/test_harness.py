"""The harness itself: senders that do what must never be done are caught, by known numbers."""

from __future__ import annotations

from typing import Any

import pytest

from calls.models import Upload
from tests.faults.processes import Crew
from tests.faults.results import Result
from tests.faults.stage import Stage

CALLS = 5


@pytest.mark.contract("B5", "B6")
@pytest.mark.parametrize(
    ("variant", "fault", "details", "doubles"),
    [
        ("blind", "reset_after_taken", {"times": 2}, 2 * CALLS),
        ("blind", "late_accept", {"seconds": 2}, CALLS),
        ("no_grace", "late_accept", {"seconds": 2}, CALLS),
        ("no_grace", "list_lag", {"seconds": 30}, CALLS),
        ("", "reset_after_taken", {"times": 1}, 0),
        ("", "late_accept", {"seconds": 2}, 0),
    ],
)
def test_worse_sender_doubles_by_known_numbers(
    stage: Stage,
    crew: Crew,
    result: Result,
    variant: str,
    fault: str,
    details: dict[str, Any],
    doubles: int,
) -> None:
    stage.link()
    stage.sandbox.fault(fault, **details)
    if fault == "list_lag":
        stage.sandbox.fault("reset_after_taken")
    crew.hire(variant=variant)
    stage.calls(CALLS)

    seconds = stage.wait_final_or_doubled(doubles)

    balance = stage.balance()
    assert (balance.doubles, balance.losses) == (doubles, 0)
    assert Upload.objects.get().rows == CALLS
    result.fault = f"harness: {variant or 'as it is'}, {fault}"
    result.measure(balance, seconds)
    result.is_harness = True


@pytest.mark.contract("B2")
def test_rows_that_go_in_a_second_file_are_seen_call_by_call(
    stage: Stage, crew: Crew, result: Result
) -> None:
    stage.link()
    crew.hire(variant="gives_back")
    stage.calls(CALLS)

    seconds = stage.wait_final_or_doubled(CALLS)

    balance = stage.balance()
    assert [upload.rows for upload in stage.uploads()] == [CALLS, CALLS]
    # Both files are there as they should be: sums over files see nothing.
    assert (balance.sent, balance.held, balance.is_settled) == (2 * CALLS, 2 * CALLS, True)
    assert (balance.doubles, balance.losses) == (CALLS, 0)
    assert balance.mismatches() == [
        f"{2 * CALLS} rows called sent, {CALLS} calls attached to them",
        f"{CALLS} rows doubled",
    ]
    result.fault = "harness: gives_back, healthy"
    result.measure(balance, seconds)
    result.is_harness = True
