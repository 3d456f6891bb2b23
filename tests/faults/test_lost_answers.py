"""The answer is lost: only proof of absence allows a repeat, and then of the same frozen bytes."""

from __future__ import annotations

import signal
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from calls.models import Upload, UploadAttempt, UploadFile
from calls.states import Attention, UploadState
from tests.faults.processes import Crew
from tests.faults.results import Result
from tests.faults.stage import Stage
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
def test_absent_file_goes_again_only_after_three_listings_and_the_grace(
    stage: Stage, crew: Crew, result: Result, fault: str, details: dict[str, Any]
) -> None:
    stage.link()
    stage.sandbox.fault(fault, **details)
    crew.hire()
    stage.calls(CALLS)
    first = stage.wait_upload(UploadState.UNCLEAR)
    frozen = bytes(UploadFile.objects.get().body)

    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    assert first.sent_at is not None
    upload = Upload.objects.get()
    assert (upload.attempts, upload.marker, upload.sha256) == (2, first.marker, first.sha256)
    assert bytes(UploadFile.objects.get().body) == frozen
    lookups = UploadAttempt.objects.filter(kind="lookup").order_by("number")
    assert [one.error_class for one in lookups][-1] == "AbsenceProven"
    assert len(lookups) >= 3
    moments = [one.started_at for one in lookups]
    assert all(later - sooner >= GRACE / 3 for sooner, later in pairwise(moments))
    assert moments[-1] >= first.sent_at + GRACE
    result.fault = f"answer lost, file not taken: {fault} {details.get('status', '')}".strip()
    result.measure(balance, seconds)


@pytest.mark.contract("B5", "B6")
@pytest.mark.parametrize(("fault", "details"), LOST_BUT_TAKEN)
def test_file_that_was_taken_is_found_and_never_goes_again(
    stage: Stage, crew: Crew, result: Result, fault: str, details: dict[str, Any]
) -> None:
    stage.link()
    stage.sandbox.fault(fault, **details)
    crew.hire()
    stage.calls(CALLS)
    stage.wait_upload(UploadState.UNCLEAR)

    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    assert Upload.objects.get().attempts == 1
    assert stage.sandbox.posts() == 1
    result.fault = f"answer lost, file taken: {fault}"
    result.measure(balance, seconds)


@pytest.mark.contract("B5", "B6")
def test_list_that_lags_behind_is_waited_for(stage: Stage, crew: Crew, result: Result) -> None:
    stage.link()
    stage.sandbox.fault("list_lag", seconds=2.5)
    stage.sandbox.fault("reset_after_taken")
    crew.hire()
    stage.calls(CALLS)
    stage.wait_upload(UploadState.UNCLEAR)

    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    assert stage.sandbox.posts() == 1
    assert UploadAttempt.objects.filter(error_class="NotInList").count() >= 1
    result.fault = "answer lost, file taken, the list lags 2.5 s behind"
    result.measure(balance, seconds)


@pytest.mark.contract("B5")
def test_marker_is_looked_for_on_every_page(stage: Stage, crew: Crew, result: Result) -> None:
    account = stage.link()
    stage.sandbox.fault("reset_after_taken")
    stage.calls(CALLS)
    # Pages of two, newest first: the file is on the fourth.
    worker = crew.hire(page=2, at="after_body")
    worker.wait_dead()
    stage.sandbox.upload_strange_files(account.access_token, stage.counters[0].number, 7)

    crew.hire(page=2)
    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    assert Upload.objects.get().attempts == 1
    result.fault = "answer lost, file taken, marker on the last page of the list"
    result.measure(balance, seconds)


@pytest.mark.contract("B5")
def test_listing_that_fails_proves_nothing(stage: Stage, crew: Crew, result: Result) -> None:
    stage.link()
    stage.sandbox.fault("reset_before")
    stage.sandbox.fault(
        "html_5xx", times=6, status=502, match={"path_contains": "calls_uploadings"}
    )
    crew.hire()
    stage.calls(CALLS)
    upload = stage.wait_upload(UploadState.UNCLEAR)
    assert upload.sent_at is not None
    failing_until = upload.sent_at + 2 * GRACE

    wait_for(lambda: not stage.sandbox.get("faults")["faults"], seconds=20, what="six lists failed")
    upload.refresh_from_db()
    assert (upload.state, upload.lookups) == (UploadState.UNCLEAR, 0)
    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    proof = UploadAttempt.objects.get(error_class="AbsenceProven")
    assert proof.started_at >= failing_until
    result.fault = "answer lost, file not taken, six listings fail"
    result.measure(balance, seconds)


@pytest.mark.contract("B8")
def test_file_taken_after_the_grace_is_shown_with_both_ids(
    stage: Stage, crew: Crew, result: Result
) -> None:
    stage.link()
    stage.sandbox.fault("late_accept", seconds=6)
    crew.hire(pace={"POLL_SECONDS": 5})
    stage.calls(CALLS)

    upload = stage.wait_upload(UploadState.NEEDS_ATTENTION)

    assert upload.attention == Attention.DUPLICATE
    assert len(set(upload.duplicate_ids)) == 2
    balance = stage.balance()
    assert balance.held == 2 * CALLS
    result.fault = "Metrika takes the file after the grace: cannot be helped, is shown (B8)"
    result.calls, result.rows = CALLS, balance.held
    result.extra = {"shown as duplicate": 1}


@pytest.mark.contract("B7")
def test_sandbox_that_is_away_is_tried_again_without_a_lookup(
    stage: Stage, crew: Crew, result: Result
) -> None:
    stage.link()
    away = {"METRIKA_API_URL": "http://127.0.0.1:9"}
    worker = crew.hire(addresses=away)
    stage.calls(CALLS)
    stage.wait_upload(UploadState.LATER)
    worker.send(signal.SIGTERM)
    worker.wait_dead()

    crew.hire()
    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    assert UploadAttempt.objects.filter(kind="lookup").count() == 0
    assert stage.sandbox.posts() == 1
    result.fault = "connection refused: certainly not taken"
    result.measure(balance, seconds)
