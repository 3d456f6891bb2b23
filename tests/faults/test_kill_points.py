"""`kill -9` at every failpoint of delivery, while Metrika answers or resets the connection."""

from __future__ import annotations

import pytest

from calls.runtime.failpoints import NAMES
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.faults.worker import WIRE_FAILPOINTS

CALLS = 7
#: What the sandbox does to the first upload it sees.
BEHAVIOURS = ("healthy", "reset_after_taken", "reset_before")
#: A failure is recorded, and a lookup happens, only when no answer came.
AFTER_A_LOST_ANSWER = ("before_failure_commit", "during_lookup", "after_lookup_record")
#: These happen surely only if Metrika answered: a file found in a list needs no second answer, and
#: on a busy machine it is processed by then, so that it needs no poll.
AFTER_AN_ANSWER = ("after_answer", "after_record", "during_poll", "after_poll_record")
#: Killed here, a worker has made no request: what is reset is that of another worker.
BEFORE_THE_REQUEST = (
    "before_batch_commit",
    "after_batch_commit",
    "before_claim",
    "before_claim_commit",
    "after_claim",
    "after_mark",
    "before_request",
)
#: These happen only after a restore: `tests/calls/management/test_after_restore.py` and
#: `tests/calls/delivery/test_takeover.py` kill there.
AFTER_A_RESTORE = (
    "before_takeover_commit",
    "after_takeover",
    "before_park_commit",
    "after_sequences",
    "after_doubt",
    "after_listing",
    "before_release",
    "after_release",
)
#: These happen only when a counter was changed for which many calls wait:
#: `tests/faults/test_redecision.py` kills there.
AFTER_A_CHANGE = ("after_redecision_count", "before_redecision_commit")
#: These happen only when calls are pulled: `tests/faults/test_pull.py` kills there.
IN_A_PULL = ("after_pull_answer", "before_pull_commit", "after_pull_page", "after_pull_window")

#: These happen only when a file is imported: `tests/faults/test_imports.py` kills there.
IN_AN_IMPORT = (
    *("after_import_check_step", "after_import_check", "before_import_commit"),
    *("after_import_step", "after_import_end"),
)
#: These happen only when a notice is sent: `tests/faults/test_notices.py` kills there.
IN_A_NOTICE = ("after_notice_claim", "after_notice_answer")
#: These happen only in a backfill: `tests/faults/test_backfill.py` kills there.
IN_A_BACKFILL = ("before_backfill_commit", "after_backfill_step")
#: These happen only in a bulk action: `tests/faults/test_bulk.py` kills there.
IN_A_BULK_ACTION = ("before_bulk_commit", "after_bulk_step")
#: These happen only when logs are read: `tests/calls/proof/test_killed.py` stops there.
IN_A_PROOF = (
    *("after_log_order", "during_log_part", "after_log_part", "before_log_match_commit"),
    *("after_log_match", "after_log_clean"),
)
#: Failpoints of other scenarios than this one.
ELSEWHERE = (
    *(AFTER_A_RESTORE + AFTER_A_CHANGE + IN_A_PULL + IN_AN_IMPORT + IN_A_NOTICE),
    *(IN_A_BACKFILL + IN_A_BULK_ACTION + IN_A_PROOF),
)


def cases() -> list[tuple[str, str]]:
    points = [*NAMES, *WIRE_FAILPOINTS]
    return [
        (str(point), behaviour)
        for point in points
        for behaviour in BEHAVIOURS
        if point not in ELSEWHERE
        if not (point in BEFORE_THE_REQUEST and behaviour == "reset_before")
        if not (point in AFTER_A_LOST_ANSWER and behaviour == "healthy")
        if not (point in AFTER_AN_ANSWER and behaviour == "reset_after_taken")
    ]


@pytest.mark.contract("B3", "B4")
@pytest.mark.parametrize(("point", "behaviour"), cases())
def test_worker_killed_at_a_failpoint_loses_and_doubles_nothing(
    scenario: Scenario, workers: WorkerProcesses, result: Result, point: str, behaviour: str
) -> None:
    scenario.link()
    if behaviour != "healthy":
        scenario.sandbox.fault(behaviour)
    killed = workers.start(at=point)
    scenario.receive_calls(CALLS)
    killed.wait_dead()

    workers.start()
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert (balance.calls, balance.held) == (CALLS, CALLS)
    result.fault = f"kill -9 at {point}; sandbox: {behaviour}"
    result.measure(balance, seconds)
