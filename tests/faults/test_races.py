"""Duplicate work: two beats, a task delivered twice, two workers claiming one upload."""

from __future__ import annotations

import signal

import pytest

from calls.models import Upload, UploadAttempt
from integrations.models import RequestDay
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario

CALLS = 60


@pytest.mark.contract("B17", "B18")
def test_tasks_delivered_twice_send_every_file_once(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link(counters=4)
    scenario.receive_calls(CALLS)
    few = {"UPLOAD_MAX_ROWS": 10}
    builders = [workers.start(task="build_uploads", pace=few) for _ in range(3)]
    for builder in builders:
        builder.wait_dead()
    built = Upload.objects.count()
    # A round in which each list is read, and one in which each file is sent.
    for tasks in (["look_before_send"] * 2 + ["send_due"] * 2, ["send_due"] * 4):
        senders = [workers.start(task=task) for task in tasks]
        for sender in senders:
            sender.wait_dead()
    lookers = [workers.start(task=task) for task in ("resolve_unclear", "release_stuck") * 2]
    for looker in lookers:
        looker.wait_dead()

    workers.start(pace=few)
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert built > 4
    assert scenario.sandbox.posts() == Upload.objects.count()
    assert set(Upload.objects.values_list("attempts", flat=True)) == {1}
    assert RequestDay.objects.get().uploads == Upload.objects.count()
    result.fault = "every task twice and more, at the same time, in processes of their own"
    result.measure(balance, seconds)


@pytest.mark.contract("B18")
def test_worker_that_lost_the_claim_sends_nothing(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    scenario.receive_calls(CALLS)
    slow = workers.start(at="before_claim", act="stop")
    slow.wait_stopped()
    workers.start()
    seconds = scenario.wait_settled()

    slow.send(signal.SIGTERM)
    slow.send(signal.SIGCONT)
    slow.wait_dead()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert scenario.sandbox.posts() == 1
    assert UploadAttempt.objects.filter(kind="send").count() == 1
    result.fault = "two workers chose one upload; the slower one lost the claim"
    result.measure(balance, seconds)
