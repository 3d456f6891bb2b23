"""`kill -9` while calls are pulled from CallKeeper's API."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from calls.models import Call, PullSource
from tests import factories
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario

KEY = "x9xx99xx99xxxx99"
CALLS, PAGE = 7, 3
MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.contract("B4")
@pytest.mark.parametrize(
    ("point", "passage", "stored"),
    [
        ("after_pull_answer", 2, 3),
        ("before_pull_commit", 3, 6),
        ("after_pull_page", 1, 3),
        ("after_pull_window", 1, 7),
    ],
)
def test_worker_killed_while_calls_are_pulled_loses_and_doubles_nothing(
    scenario: Scenario,
    workers: WorkerProcesses,
    result: Result,
    point: str,
    passage: int,
    stored: int,
) -> None:
    scenario.link()
    _fill_callkeeper(scenario)
    pull = _make_pull(scenario)
    addresses = {"CALLKEEPER_API_URL": f"{scenario.sandbox.url}/api/"}
    workers.start(task="pull_calls", at=point, passage=passage, addresses=addresses).wait_dead()
    assert Call.objects.count() == stored
    # The lease of the dead worker runs out, and the source is due again.
    now = timezone.now()
    PullSource.objects.filter(pk=pull.pk).update(lease_until=now, next_at=now)

    workers.start(task="pull_calls", addresses=addresses).wait_dead()
    workers.start()
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert balance.held == CALLS
    assert Call.objects.count() == CALLS
    assert not Call.objects.filter(revision__gt=1).exists()
    pull.refresh_from_db()
    assert pull.window_to is None
    assert pull.pulled_until >= now - timedelta(minutes=1)
    result.fault = f"kill -9 at {point}, passage {passage}"
    result.measure(balance, seconds)


def _fill_callkeeper(scenario: Scenario) -> None:
    """Give the account of the key some pages of calls of the last hours."""
    now = timezone.now()
    moments = [now - timedelta(minutes=10 * number) for number in range(1, CALLS + 1)]
    times = [one.astimezone(MOSCOW).strftime("%Y-%m-%d %H:%M:%S") for one in moments]
    post = scenario.sandbox.post
    post("callkeeper/accounts", key=KEY, name="faults", page_length=PAGE)
    calls = [factories.v3_record(callTime=time) for time in times]
    post(f"callkeeper/accounts/{KEY}/calls", calls=calls)


def _make_pull(scenario: Scenario) -> PullSource:
    now = timezone.now()
    begin = now - timedelta(days=1)
    return PullSource.objects.create(
        source=scenario.source, api_key=KEY, pull_from=begin, pulled_until=begin, next_at=now
    )
