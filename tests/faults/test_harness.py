"""The harness detects senders with deliberate defects, by the exact number of doubles."""

from __future__ import annotations

from typing import Any

import pytest

from calls.models import Upload
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario

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
def test_faulty_sender_doubles_the_expected_number_of_rows(
    scenario: Scenario,
    workers: WorkerProcesses,
    result: Result,
    variant: str,
    fault: str,
    details: dict[str, Any],
    doubles: int,
) -> None:
    scenario.link()
    scenario.sandbox.fault(fault, **details)
    if fault == "list_lag":
        scenario.sandbox.fault("reset_after_taken")
    workers.start(variant=variant)
    scenario.receive_calls(CALLS)

    seconds = scenario.wait_final_or_doubled(doubles)

    balance = scenario.balance()
    assert (balance.doubles, balance.losses) == (doubles, 0)
    assert Upload.objects.get().rows == CALLS
    result.fault = f"harness: {variant or 'as it is'}, {fault}"
    result.measure(balance, seconds)
    result.is_harness = True


@pytest.mark.contract("B2")
def test_rows_sent_in_a_second_file_are_counted_as_doubles(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    workers.start(variant="gives_back")
    scenario.receive_calls(CALLS)

    seconds = scenario.wait_final_or_doubled(CALLS)

    balance = scenario.balance()
    assert [upload.rows for upload in scenario.uploads()] == [CALLS, CALLS]
    # Both files are complete, so sums over files do not show the doubles.
    assert (balance.sent, balance.held, balance.is_settled) == (2 * CALLS, 2 * CALLS, True)
    assert (balance.doubles, balance.losses) == (CALLS, 0)
    assert balance.mismatches() == [
        f"{2 * CALLS} rows called sent, {CALLS} calls attached to them",
        f"{CALLS} rows doubled",
    ]
    result.fault = "harness: gives_back, healthy"
    result.measure(balance, seconds)
    result.is_harness = True
