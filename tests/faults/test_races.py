"""Everything happens twice: two beats, a task delivered twice, two workers at one upload."""

from __future__ import annotations

import signal

import pytest

from calls.models import Upload, UploadAttempt
from integrations.models import RequestDay
from tests.faults.processes import Crew
from tests.faults.results import Result
from tests.faults.stage import Stage

CALLS = 60


@pytest.mark.contract("B17", "B18")
def test_tasks_delivered_twice_to_two_workers_send_every_file_once(
    stage: Stage, crew: Crew, result: Result
) -> None:
    stage.link(counters=4)
    stage.calls(CALLS)
    few = {"UPLOAD_MAX_ROWS": 10}
    builders = [crew.hire(task="build_uploads", pace=few) for _ in range(3)]
    for builder in builders:
        builder.wait_dead()
    built = Upload.objects.count()
    while Upload.objects.filter(state="ready").exists():
        senders = [crew.hire(task="send_due") for _ in range(4)]
        for sender in senders:
            sender.wait_dead()
    lookers = [crew.hire(task=task) for task in ("resolve_unclear", "release_stuck") * 2]
    for looker in lookers:
        looker.wait_dead()

    crew.hire(pace=few)
    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    assert built > 4
    assert stage.sandbox.posts() == Upload.objects.count()
    assert set(Upload.objects.values_list("attempts", flat=True)) == {1}
    assert RequestDay.objects.get().uploads == Upload.objects.count()
    result.fault = "every task twice and more, at the same time, in processes of their own"
    result.measure(balance, seconds)


@pytest.mark.contract("B18")
def test_loser_of_a_claim_sends_nothing(stage: Stage, crew: Crew, result: Result) -> None:
    stage.link()
    stage.calls(CALLS)
    slow = crew.hire(at="before_claim", act="stop")
    slow.wait_stopped()
    crew.hire()
    seconds = stage.wait_settled()

    slow.send(signal.SIGTERM)
    slow.send(signal.SIGCONT)
    slow.wait_dead()

    balance = stage.balance()
    assert balance.mismatches() == []
    assert stage.sandbox.posts() == 1
    assert UploadAttempt.objects.filter(kind="send").count() == 1
    result.fault = "two workers chose one upload; the slower one lost the claim"
    result.measure(balance, seconds)
