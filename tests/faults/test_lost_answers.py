"""The answer is lost: only proof of absence allows a repeat, with the same frozen bytes."""

from __future__ import annotations

import signal
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from calls.models import Upload, UploadAttempt, UploadFile
from calls.states import Attention, UploadState
from dashboard.integrations_page import page_context
from tests.calls.ledger import body_of
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.faults.wait import wait_for
from tests.faults.worker import PACE

CALLS = 5
GRACE = timedelta(seconds=PACE["UNCLEAR_GRACE_SECONDS"])
LOST_AND_NOT_TAKEN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reset_before", {}),
    ("reset_middle", {}),
    ("html_5xx", {"status": 502, "match": {"path_contains": "upload_calls"}}),
    ("html_5xx", {"status": 504, "match": {"path_contains": "upload_calls"}}),
    ("garbage_200", {"match": {"path_contains": "upload_calls"}}),
)
LOST_BUT_TAKEN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reset_after_taken", {}),
    ("html_5xx_taken", {"status": 504}),
    ("latency", {"ms": 1500, "match": {"path_contains": "upload_calls"}}),
    ("late_accept", {"seconds": 2}),
)


@pytest.mark.contract("B2", "B5")
@pytest.mark.parametrize(("fault", "details"), LOST_AND_NOT_TAKEN)
def test_absent_file_is_sent_again_only_after_three_listings_and_the_grace(
    scenario: Scenario,
    workers: WorkerProcesses,
    result: Result,
    fault: str,
    details: dict[str, Any],
) -> None:
    scenario.link()
    scenario.sandbox.fault(fault, **details)
    workers.start()
    scenario.receive_calls(CALLS)
    first = scenario.wait_upload(UploadState.UNCLEAR)
    frozen = body_of(UploadFile.objects.get().pk)

    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert first.sent_at is not None
    upload = Upload.objects.get()
    assert (upload.attempts, upload.marker, upload.sha256) == (2, first.marker, first.sha256)
    assert body_of(UploadFile.objects.get().pk) == frozen
    lookups = UploadAttempt.objects.filter(kind="lookup").order_by("number")
    assert [one.error_class for one in lookups][-1] == "AbsenceProven"
    assert len(lookups) >= 3
    lookup_times = [one.started_at for one in lookups]
    assert all(later - sooner >= GRACE / 3 for sooner, later in pairwise(lookup_times))
    assert lookup_times[-1] >= first.sent_at + GRACE
    result.fault = f"answer lost, file not taken: {fault} {details.get('status', '')}".strip()
    result.measure(balance, seconds)


@pytest.mark.contract("B5", "B6")
@pytest.mark.parametrize(("fault", "details"), LOST_BUT_TAKEN)
def test_accepted_file_is_found_and_never_sent_again(
    scenario: Scenario,
    workers: WorkerProcesses,
    result: Result,
    fault: str,
    details: dict[str, Any],
) -> None:
    scenario.link()
    scenario.sandbox.fault(fault, **details)
    workers.start()
    scenario.receive_calls(CALLS)
    scenario.wait_upload(UploadState.UNCLEAR)

    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert Upload.objects.get().attempts == 1
    assert scenario.sandbox.posts() == 1
    result.fault = f"answer lost, file taken: {fault}"
    result.measure(balance, seconds)


@pytest.mark.contract("B5", "B6")
def test_upload_missing_from_a_lagging_list_is_not_sent_again(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    scenario.sandbox.fault("list_lag", seconds=2.5)
    scenario.sandbox.fault("reset_after_taken")
    workers.start()
    scenario.receive_calls(CALLS)
    scenario.wait_upload(UploadState.UNCLEAR)

    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert scenario.sandbox.posts() == 1
    assert UploadAttempt.objects.filter(error_class="NotInList").count() >= 1
    result.fault = "answer lost, file taken, the list lags 2.5 s behind"
    result.measure(balance, seconds)


@pytest.mark.contract("B5")
def test_lookup_searches_every_page_of_the_list(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    account = scenario.link()
    scenario.sandbox.fault("reset_after_taken")
    scenario.receive_calls(CALLS)
    # Pages of two, newest first: the file is on the fourth.
    worker = workers.start(page=2, at="after_body")
    worker.wait_dead()
    scenario.sandbox.upload_files_of_another_program(
        account.access_token, scenario.counters[0].number, 7
    )

    workers.start(page=2)
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert Upload.objects.get().attempts == 1
    result.fault = "answer lost, file taken, marker on the last page of the list"
    result.measure(balance, seconds)


@pytest.mark.contract("B5")
def test_failed_listings_do_not_count_as_absence(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    scenario.note_lists_as_read()
    scenario.sandbox.fault("reset_before")
    scenario.sandbox.fault(
        "html_5xx", times=6, status=502, match={"path_contains": "calls_uploadings"}
    )
    workers.start()
    scenario.receive_calls(CALLS)
    upload = scenario.wait_upload(UploadState.UNCLEAR)
    assert upload.sent_at is not None
    failing_until = upload.sent_at + 2 * GRACE

    wait_for(
        lambda: not scenario.sandbox.get("faults")["faults"], seconds=20, what="six lists failed"
    )
    upload.refresh_from_db()
    assert (upload.state, upload.lookups) == (UploadState.UNCLEAR, 0)
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    proof = UploadAttempt.objects.get(error_class="AbsenceProven")
    assert proof.started_at >= failing_until
    result.fault = "answer lost, file not taken, six listings fail"
    result.measure(balance, seconds)


@pytest.mark.contract("B8")
def test_file_accepted_after_the_grace_is_marked_duplicate_with_both_ids(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    scenario.sandbox.fault("late_accept", seconds=6)
    workers.start(pace={"POLL_SECONDS": 5})
    scenario.receive_calls(CALLS)

    upload = scenario.wait_upload(UploadState.NEEDS_ATTENTION)

    assert upload.attention == Attention.DUPLICATE
    assert len(set(upload.duplicate_ids)) == 2
    (notice,) = page_context(scenario.cabinet)["needs_attention"]
    assert f"одинаковые выгрузки (1), звонков в них: {CALLS}" in notice.text
    balance = scenario.balance()
    assert balance.held == 2 * CALLS
    result.fault = "Metrika takes the file after the grace: cannot be prevented, is shown (B8)"
    result.calls, result.rows = CALLS, balance.held
    result.extra = {"shown as duplicate": 1}


@pytest.mark.contract("B7")
def test_refused_connection_is_retried_without_a_lookup(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    scenario.note_lists_as_read()
    away = {"METRIKA_API_URL": "http://127.0.0.1:9"}
    worker = workers.start(addresses=away)
    scenario.receive_calls(CALLS)
    scenario.wait_upload(UploadState.LATER)
    worker.send(signal.SIGTERM)
    worker.wait_dead()

    workers.start()
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert UploadAttempt.objects.filter(kind="lookup").count() == 0
    assert scenario.sandbox.posts() == 1
    result.fault = "connection refused: certainly not taken"
    result.measure(balance, seconds)
