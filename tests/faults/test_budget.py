"""Metrika's quotas and our request budget are kept and shared fairly by several processes."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from calls.delivery import queue
from calls.models import Upload, UploadAttempt
from calls.states import UploadState
from integrations.limits.quota_reset import JITTER, quota_ends
from integrations.models import RequestDay
from integrations.yandex.errors import QuotaExceeded
from tests import factories
from tests.calls.ledger import make_upload
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.faults.wait import wait_for

CALLS = 20
STATUSES = ("status_420", "status_429", "status_403_quota")
TYPES = (
    "quota_requests_by_uid",
    "quota_parallel_requests",
    "quota_requests_by_ip",
    "quota_requests_by_counter_id",
)


@pytest.mark.contract("B11")
@pytest.mark.parametrize(
    ("fault", "error_type"),
    [(fault, kind) for fault in STATUSES for kind in TYPES if "by_ip" not in kind],
)
def test_login_without_quota_is_paused_and_other_logins_continue(
    scenario: Scenario, workers: WorkerProcesses, result: Result, fault: str, error_type: str
) -> None:
    limited = scenario.link("okna-stolica")
    scenario.link("klinika-ural")
    scenario.sandbox.fault(
        fault,
        error_type=error_type,
        match={"login": limited.login, "path_contains": "upload_calls"},
    )
    workers.start()
    scenario.receive_calls(CALLS)
    waiting = Upload.objects.filter(counter__account=limited)
    wait_for(
        lambda: (
            Upload.objects.exclude(counter__account=limited).filter(state="processed").exists()
            and waiting.filter(state__in=["later", "sent", "processed"]).exists()
        ),
        seconds=20,
        what="the other login's file is done",
    )

    upload = waiting.get()
    if error_type in {"quota_requests_by_uid", "quota_requests_by_counter_id"}:
        refused_at = upload.tries.get(kind=UploadAttempt.Kind.SEND, number=1).ended_at
        assert refused_at is not None
        spent = QuotaExceeded("", http_status=429, error_type=error_type)
        earliest = quota_ends(spent, now=refused_at, jitter=lambda: 0)
        assert earliest <= upload.not_before <= earliest + JITTER
        assert upload.state == UploadState.LATER
    else:
        assert upload.not_before <= timezone.now() + timedelta(seconds=5)
    # The quota is back.
    RequestDay.objects.update(paused_until=timezone.now())
    waiting.filter(state="later").update(not_before=timezone.now())
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    result.fault = f"{fault} {error_type}; another login goes on"
    result.measure(balance, seconds)


@pytest.mark.contract("B11")
@pytest.mark.parametrize("fault", STATUSES)
def test_quota_of_the_ip_address_pauses_all_logins_for_seconds(
    scenario: Scenario, workers: WorkerProcesses, result: Result, fault: str
) -> None:
    scenario.link("okna-stolica")
    scenario.link("klinika-ural")
    scenario.sandbox.fault(
        fault, error_type="quota_requests_by_ip", match={"path_contains": "upload_calls"}
    )
    workers.start()
    scenario.receive_calls(CALLS)
    wait_for(
        lambda: RequestDay.objects.filter(paused_until__isnull=False).exists(),
        seconds=20,
        what="a login is paused",
    )

    until = RequestDay.objects.get(paused_until__isnull=False).paused_until
    assert until is not None
    assert until <= timezone.now() + timedelta(seconds=30)
    assert scenario.sandbox.posts() <= 2

    RequestDay.objects.update(paused_until=timezone.now())
    Upload.objects.filter(state="later").update(not_before=timezone.now())
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    result.fault = f"{fault} quota_requests_by_ip"
    result.measure(balance, seconds)


@pytest.mark.contract("B11")
def test_retry_after_is_obeyed(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    scenario.note_lists_as_read()
    scenario.sandbox.fault("status_429", error_type="quota_parallel_requests", retry_after=6)
    workers.start()
    scenario.receive_calls(CALLS)
    upload = scenario.wait_upload("later")
    assert upload.sent_at is not None

    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    again = Upload.objects.get()
    assert again.sent_at is not None
    assert again.sent_at - upload.sent_at >= timedelta(seconds=6)
    result.fault = "429 with Retry-After: 6"
    result.measure(balance, seconds)


@pytest.mark.contract("B14")
def test_at_most_three_requests_of_a_login_run_at_a_time_when_workers_are_killed(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link(counters=4)
    scenario.sandbox.fault("latency", times=None, ms=250, match={"path_contains": "upload_calls"})
    few = {"UPLOAD_MAX_ROWS": 4}
    scenario.receive_calls(CALLS)
    killed_workers = [workers.start(pace=few, at="after_body", passage=2) for _ in range(2)]
    killed_workers += [workers.start(pace=few, at="before_body", passage=2)]
    for killed in killed_workers:
        killed.wait_dead()

    for _ in range(5):
        workers.start(pace=few)
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    seen = scenario.sandbox.get("requests?last=0")["max_parallel"]
    assert seen["okna-stolica"] <= 3
    assert scenario.sandbox.refusals() == 0
    result.fault = "eight workers, three of them killed in mid-request, one login"
    result.measure(balance, seconds)
    result.extra = {"most at a time": seen["okna-stolica"]}


@pytest.mark.contract("B15")
def test_requests_per_second_of_all_processes_stay_within_the_limit(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link("okna-stolica", counters=4)
    scenario.link("agency-media", counters=3)
    scenario.link("klinika-ural", counters=2)
    few = {"UPLOAD_MAX_ROWS": 2, "POLL_SECONDS": 1}
    scenario.receive_calls(CALLS)
    for _ in range(4):
        workers.start(pace=few, interval=0.01)

    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert scenario.sandbox.refusals() == 0
    seen = scenario.sandbox.get("requests?last=0")["max_per_second"]
    assert seen <= 30
    result.fault = "four workers, three logins, 90 files"
    result.measure(balance, seconds)
    result.extra = {"most in a second": seen}


@pytest.mark.contract("B16")
def test_login_stops_at_its_daily_budget_and_continues_the_next_day(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link(counters=4)
    # Of ten requests, reading the lists first would leave fewer than seven for uploads.
    scenario.note_lists_as_read()
    # Seven tenths of a day are for uploads.
    small = {"METRIKA_DAILY_REQUESTS": 10, "UPLOAD_MAX_ROWS": 5, "POLL_SECONDS": 60}
    started = [workers.start(pace=small) for _ in range(3)]
    scenario.receive_calls(CALLS)

    # Not by the row: a worker that stops before its request gives the charge back.
    wait_for(lambda: scenario.sandbox.posts() == 7, seconds=20, what="the budget is spent")
    for worker in started:
        worker.send(signal.SIGTERM)
        worker.wait_dead()

    assert scenario.sandbox.posts() == 7
    day = RequestDay.objects.get()
    assert (day.uploads, day.polls <= 2, day.other) == (7, True, 0)
    assert Upload.objects.filter(state="ready").exists()

    # A new day.
    RequestDay.objects.update(day=day.day - timedelta(days=1))
    workers.start(pace={"UPLOAD_MAX_ROWS": 5})
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    result.fault = "three workers, ten requests a day, seven of them for uploads"
    result.measure(balance, seconds)


@pytest.mark.contract("B16")
def test_counter_with_many_uploads_does_not_starve_another(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link(counters=2)
    heavy, light = scenario.counters
    for _ in range(40):
        make_upload(counter=heavy, state="ready", uploading_id=None, sent_at=None)
    make_upload(counter=light, state="ready", uploading_id=None, sent_at=None)

    first_two = queue.due(timezone.now(), most=2)

    counters = set(Upload.objects.filter(pk__in=first_two).values_list("counter", flat=True))
    assert counters == {heavy.pk, light.pk}
    result.fault = "40 files of one counter, one of another: the other is second in the queue"


@pytest.mark.contract("B16")
def test_uploads_of_today_are_queued_before_older_ones(scenario: Scenario) -> None:
    scenario.link(counters=2)
    backfill, today = scenario.counters
    now = timezone.now()
    old: dict[str, Any] = {"state": "ready", "uploading_id": None, "sent_at": None}
    for days in range(5, 10):
        make_upload(counter=backfill, newest_call_at=now - timedelta(days=days), **old)
    fresh = make_upload(counter=today, newest_call_at=now - timedelta(minutes=5), **old)
    second = make_upload(counter=backfill, newest_call_at=now - timedelta(minutes=9), **old)

    queued = queue.due(timezone.now())

    assert queued[:2] == [fresh.pk, second.pk]


@pytest.mark.contract("B16")
def test_queue_of_a_paused_login_does_not_block_other_logins(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    resting = scenario.link("agency-media", counters=1)
    crowd = [factories.make_counter(account=resting) for _ in range(60)]
    for one in crowd:
        make_upload(counter=one, state="ready", uploading_id=None, sent_at=None)
    RequestDay.objects.create(
        yandex_uid=resting.yandex_uid,
        day=timezone.now().date(),
        paused_until=timezone.now() + timedelta(hours=5),
    )
    busy = scenario.link("klinika-ural", counters=1)
    scenario.receive_calls(CALLS, started_at=timezone.now() - timedelta(days=3))

    workers.start()
    done = Upload.objects.filter(counter__account=busy, state="processed")
    seconds = wait_for(done.exists, seconds=20, what="the other login's file is done")

    assert Upload.objects.filter(counter__in=crowd).exclude(state="ready").count() == 0
    result.fault = "61 counters of a login without quota in front of another login's file"
    result.calls, result.rows, result.seconds = CALLS, CALLS, round(seconds, 1)
