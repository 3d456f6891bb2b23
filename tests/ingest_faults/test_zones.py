"""The machine's time zone changes no byte of a file; calls out of range are rejected or expire."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from calls.models import Call, Delivery, Upload
from calls.states import DeliveryState
from counters.models import Counter
from tests import factories
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.ingest_faults.web_server import WebServer, results
from tests.paths import ROOT

#: Zone of the source → naive times, around the change to daylight saving time in New York.
BARE = {
    "America/New_York": ["2026-03-08 01:59:59", "2026-03-08 02:30:00", "2026-03-08 03:00:00"],
    "Asia/Kamchatka": ["2026-03-09 00:30:00"],
    "Europe/Moscow": ["2026-03-08 23:59:59"],
    "": ["2026-03-08T07:00:00Z", "2026-03-08T19:00:00.9+12:00"],
}
STARTED_AT = [
    datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC),
    datetime(2026, 3, 8, 7, 0, tzinfo=UTC),
    datetime(2026, 3, 8, 7, 0, tzinfo=UTC),
    datetime(2026, 3, 8, 7, 0, tzinfo=UTC),
    datetime(2026, 3, 8, 7, 30, tzinfo=UTC),
    datetime(2026, 3, 8, 12, 30, tzinfo=UTC),
    datetime(2026, 3, 8, 20, 59, 59, tzinfo=UTC),
]


@pytest.mark.contract("C1")
def test_time_zone_of_the_machine_changes_no_byte(
    scenario: Scenario, environment: dict[str, str], result: Result
) -> None:
    account = scenario.link()
    Counter.objects.update(goal=factories.make_goal(counter=account.counters.get()))
    batches = [
        (zone, [factories.v3_record(callTime=time) for time in times])
        for zone, times in BARE.items()
    ]
    job = {"source": scenario.source.public_id, "batches": batches}

    by_zone = {
        zone: run_in(zone, job, environment)
        for zone in ("UTC", "Asia/Kamchatka", "America/New_York")
    }

    assert by_zone["UTC"]["offset"] == 0
    assert by_zone["Asia/Kamchatka"]["offset"] == 12 * 3600
    assert by_zone["America/New_York"]["offset"] in (-5 * 3600, -4 * 3600)
    files = by_zone["UTC"]["files"]
    assert len(files) == 2
    assert by_zone["Asia/Kamchatka"]["files"] == files
    assert by_zone["America/New_York"]["files"] == files
    for file in files:
        starts = [int(row["DateTime"]) for row in csv.DictReader(io.StringIO(file))]
        assert starts == [int(moment.timestamp()) for moment in STARTED_AT]
    result.fault = "zone of the machine: Kamchatka or New York; the same bytes"
    result.calls = len(STARTED_AT)


def run_in(zone: str, job: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Run the steps in a process with this zone in its system and in its settings."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.ingest_faults.zone_run"],
        cwd=ROOT,
        env=environment | {"TZ": zone, "PGTZ": zone, "TIME_ZONE": zone},
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    by_zone: dict[str, Any] = json.loads(answer.stdout)
    return by_zone


@pytest.mark.contract("C2")
def test_future_call_is_rejected_and_call_of_three_weeks_ago_expires(
    scenario: Scenario, web_server: WebServer, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    now = timezone.now()
    moments = [
        now + timedelta(minutes=6),
        now - timedelta(days=22),
        now - timedelta(days=21) + timedelta(hours=1),
    ]
    records = [factories.v3_record(callTime=moment.isoformat()) for moment in moments]

    outcomes = results(web_server.post(records, source=scenario.source))

    assert [one["status"] for one in outcomes] == ["rejected", "created", "created"]
    assert outcomes[0]["error"]["code"] == "starts_in_future"
    late = Call.objects.get(external_id=records[1]["universalId"])
    states = Delivery.objects.filter(call_id=late.pk).values_list("state", flat=True)
    # No goal is chosen, so there is no row of that channel.
    assert list(states) == [DeliveryState.EXPIRED]
    workers.start()
    seconds = scenario.wait_settled()
    sent = [int(row["DateTime"]) for row in scenario.sandbox.rows()]
    assert sent == [int(moments[2].timestamp())]
    assert Upload.objects.count() == 1
    result.fault = "calls of the future and of 22 days ago"
    result.measure(scenario.balance(), seconds)
