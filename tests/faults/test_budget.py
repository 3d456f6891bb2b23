"""Quotas of Metrika and our own budget, over several processes: kept, shared, and fair."""

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
from tests.faults.processes import Crew
from tests.faults.results import Result
from tests.faults.stage import Stage
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
def test_login_without_quota_waits_and_the_others_go_on(
    stage: Stage, crew: Crew, result: Result, fault: str, error_type: str
) -> None:
    poor = stage.link("okna-stolica")
    stage.link("klinika-ural")
    stage.sandbox.fault(
        fault, error_type=error_type, match={"login": poor.login, "path_contains": "upload_calls"}
    )
    crew.hire()
    stage.calls(CALLS)
    waiting = Upload.objects.filter(counter__account=poor)
    wait_for(
        lambda: (
            Upload.objects.exclude(counter__account=poor).filter(state="processed").exists()
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
    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    result.fault = f"{fault} {error_type}; another login goes on"
    result.measure(balance, seconds)


@pytest.mark.contract("B11")
@pytest.mark.parametrize("fault", STATUSES)
def test_address_without_quota_rests_for_seconds_with_all_logins(
    stage: Stage, crew: Crew, result: Result, fault: str
) -> None:
    stage.link("okna-stolica")
    stage.link("klinika-ural")
    stage.sandbox.fault(
        fault, error_type="quota_requests_by_ip", match={"path_contains": "upload_calls"}
    )
    crew.hire()
    stage.calls(CALLS)
    wait_for(
        lambda: RequestDay.objects.filter(paused_until__isnull=False).exists(),
        seconds=20,
        what="somebody rests",
    )

    until = RequestDay.objects.get(paused_until__isnull=False).paused_until
    assert until is not None
    assert until <= timezone.now() + timedelta(seconds=30)
    assert stage.sandbox.posts() <= 2

    RequestDay.objects.update(paused_until=timezone.now())
    Upload.objects.filter(state="later").update(not_before=timezone.now())
    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    result.fault = f"{fault} quota_requests_by_ip"
    result.measure(balance, seconds)


@pytest.mark.contract("B11")
def test_retry_after_is_obeyed(stage: Stage, crew: Crew, result: Result) -> None:
    stage.link()
    stage.sandbox.fault("status_429", error_type="quota_parallel_requests", retry_after=6)
    crew.hire()
    stage.calls(CALLS)
    upload = stage.wait_upload("later")
    assert upload.sent_at is not None

    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    again = Upload.objects.get()
    assert again.sent_at is not None
    assert again.sent_at - upload.sent_at >= timedelta(seconds=6)
    result.fault = "429 with Retry-After: 6"
    result.measure(balance, seconds)


@pytest.mark.contract("B14")
def test_never_more_than_three_at_a_time_whoever_dies(
    stage: Stage, crew: Crew, result: Result
) -> None:
    stage.link(counters=4)
    stage.sandbox.fault("latency", times=None, ms=250, match={"path_contains": "upload_calls"})
    few = {"UPLOAD_MAX_ROWS": 4}
    stage.calls(CALLS)
    victims = [crew.hire(pace=few, at="after_body", passage=2) for _ in range(2)]
    victims += [crew.hire(pace=few, at="before_body", passage=2)]
    for victim in victims:
        victim.wait_dead()

    for _ in range(5):
        crew.hire(pace=few)
    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    seen = stage.sandbox.get("requests?last=0")["max_parallel"]
    assert seen["okna-stolica"] <= 3
    assert stage.sandbox.refusals() == 0
    result.fault = "eight workers, three of them killed in mid-request, one login"
    result.measure(balance, seconds)
    result.extra = {"most at a time": seen["okna-stolica"]}


@pytest.mark.contract("B15")
def test_requests_a_second_stay_below_the_limit_over_all_processes(
    stage: Stage, crew: Crew, result: Result
) -> None:
    stage.link("okna-stolica", counters=4)
    stage.link("agency-media", counters=3)
    stage.link("klinika-ural", counters=2)
    few = {"UPLOAD_MAX_ROWS": 2, "POLL_SECONDS": 1}
    stage.calls(CALLS)
    for _ in range(4):
        crew.hire(pace=few, interval=0.01)

    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    assert stage.sandbox.refusals() == 0
    seen = stage.sandbox.get("requests?last=0")["max_per_second"]
    assert seen <= 30
    result.fault = "four workers, three logins, 90 files"
    result.measure(balance, seconds)
    result.extra = {"most in a second": seen}


@pytest.mark.contract("B16")
def test_day_of_a_login_ends_with_its_budget_and_the_next_one_goes_on(
    stage: Stage, crew: Crew, result: Result
) -> None:
    stage.link(counters=4)
    # Seven tenths of a day are for uploads.
    small = {"METRIKA_DAILY_REQUESTS": 10, "UPLOAD_MAX_ROWS": 5, "POLL_SECONDS": 60}
    workers = [crew.hire(pace=small) for _ in range(3)]
    stage.calls(CALLS)

    wait_for(RequestDay.objects.filter(uploads=7).exists, seconds=20, what="the budget is spent")
    for worker in workers:
        worker.send(signal.SIGTERM)
        worker.wait_dead()

    assert stage.sandbox.posts() <= 7
    day = RequestDay.objects.get()
    assert (day.uploads, day.polls <= 2, day.other) == (7, True, 0)
    assert Upload.objects.filter(state="ready").exists()

    # A new day.
    RequestDay.objects.update(day=day.day - timedelta(days=1))
    crew.hire(pace={"UPLOAD_MAX_ROWS": 5})
    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    result.fault = "three workers, ten requests a day, seven of them for uploads"
    result.measure(balance, seconds)


@pytest.mark.contract("B16")
def test_counter_with_very_many_calls_does_not_starve_another(
    stage: Stage, crew: Crew, result: Result
) -> None:
    stage.link(counters=2)
    heavy, light = stage.counters
    for _ in range(40):
        make_upload(counter=heavy, state="ready", uploading_id=None, sent_at=None)
    make_upload(counter=light, state="ready", uploading_id=None, sent_at=None)

    first_two = queue.due(timezone.now(), most=2)

    counters = set(Upload.objects.filter(pk__in=first_two).values_list("counter", flat=True))
    assert counters == {heavy.pk, light.pk}
    result.fault = "40 files of one counter, one of another: the other is second in line"


@pytest.mark.contract("B16")
def test_today_goes_before_what_was_left_over(stage: Stage) -> None:
    stage.link(counters=2)
    backfill, today = stage.counters
    now = timezone.now()
    old: dict[str, Any] = {"state": "ready", "uploading_id": None, "sent_at": None}
    for days in range(5, 10):
        make_upload(counter=backfill, newest_call_at=now - timedelta(days=days), **old)
    fresh = make_upload(counter=today, newest_call_at=now - timedelta(minutes=5), **old)
    second = make_upload(counter=backfill, newest_call_at=now - timedelta(minutes=9), **old)

    line = queue.due(timezone.now())

    assert line[:2] == [fresh.pk, second.pk]


@pytest.mark.contract("B16")
def test_queue_of_a_resting_login_does_not_hide_the_others(
    stage: Stage, crew: Crew, result: Result
) -> None:
    resting = stage.link("agency-media", counters=1)
    crowd = [factories.make_counter(account=resting) for _ in range(60)]
    for one in crowd:
        make_upload(counter=one, state="ready", uploading_id=None, sent_at=None)
    RequestDay.objects.create(
        yandex_uid=resting.yandex_uid,
        day=timezone.now().date(),
        paused_until=timezone.now() + timedelta(hours=5),
    )
    busy = stage.link("klinika-ural", counters=1)
    stage.calls(CALLS, started_at=timezone.now() - timedelta(days=3))

    crew.hire()
    done = Upload.objects.filter(counter__account=busy, state="processed")
    seconds = wait_for(done.exists, seconds=20, what="the other login's file is done")

    assert Upload.objects.filter(counter__in=crowd).exclude(state="ready").count() == 0
    result.fault = "61 counters of a login without quota in front of another login's file"
    result.calls, result.rows, result.seconds = CALLS, CALLS, round(seconds, 1)
