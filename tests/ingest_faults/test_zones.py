"""The zone in which the machine lives changes no byte of a file; a moment too far is said so."""

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
from tests.faults.processes import Crew
from tests.faults.results import Result
from tests.faults.stage import Stage
from tests.ingest_faults.web_server import Door, results
from tests.paths import ROOT

#: Zone of the source → bare times, around the night in which New York goes over to summer.
BARE = {
    "America/New_York": ["2026-03-08 01:59:59", "2026-03-08 02:30:00", "2026-03-08 03:00:00"],
    "Asia/Kamchatka": ["2026-03-09 00:30:00"],
    "Europe/Moscow": ["2026-03-08 23:59:59"],
    "": ["2026-03-08T07:00:00Z", "2026-03-08T19:00:00.9+12:00"],
}
MOMENTS = [
    datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC),
    datetime(2026, 3, 8, 7, 0, tzinfo=UTC),
    datetime(2026, 3, 8, 7, 0, tzinfo=UTC),
    datetime(2026, 3, 8, 7, 0, tzinfo=UTC),
    datetime(2026, 3, 8, 7, 30, tzinfo=UTC),
    datetime(2026, 3, 8, 12, 30, tzinfo=UTC),
    datetime(2026, 3, 8, 20, 59, 59, tzinfo=UTC),
]


@pytest.mark.contract("C1")
def test_zone_of_the_machine_changes_no_byte(
    stage: Stage, environment: dict[str, str], result: Result
) -> None:
    account = stage.link()
    Counter.objects.update(goal=factories.make_goal(counter=account.counters.get()))
    batches = [
        (zone, [factories.v3_record(callTime=time) for time in times])
        for zone, times in BARE.items()
    ]
    wish = {"source": stage.source.public_id, "batches": batches}

    told = {
        zone: run_in(zone, wish, environment)
        for zone in ("UTC", "Asia/Kamchatka", "America/New_York")
    }

    assert told["UTC"]["offset"] == 0
    assert told["Asia/Kamchatka"]["offset"] == 12 * 3600
    assert told["America/New_York"]["offset"] in (-5 * 3600, -4 * 3600)
    files = told["UTC"]["files"]
    assert len(files) == 2
    assert told["Asia/Kamchatka"]["files"] == files
    assert told["America/New_York"]["files"] == files
    for file in files:
        starts = [int(row["DateTime"]) for row in csv.DictReader(io.StringIO(file))]
        assert starts == [int(moment.timestamp()) for moment in MOMENTS]
    result.fault = "the machine lives in Kamchatka, or in New York: the same bytes"
    result.calls = len(MOMENTS)


def run_in(zone: str, wish: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Run the steps in a process that lives in the zone, by its system and by its settings."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.ingest_faults.zone_run"],
        cwd=ROOT,
        env=environment | {"TZ": zone, "PGTZ": zone, "TIME_ZONE": zone},
        input=json.dumps(wish),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


@pytest.mark.contract("C2")
def test_call_of_the_future_and_call_of_three_weeks_ago_are_told_and_never_sent(
    stage: Stage, door: Door, crew: Crew, result: Result
) -> None:
    stage.link()
    now = timezone.now()
    moments = [
        now + timedelta(minutes=6),
        now - timedelta(days=22),
        now - timedelta(days=21) + timedelta(hours=1),
    ]
    records = [factories.v3_record(callTime=moment.isoformat()) for moment in moments]

    told = results(door.post(records, source=stage.source))

    assert [one["status"] for one in told] == ["rejected", "created", "created"]
    assert told[0]["error"]["code"] == "starts_in_future"
    late = Call.objects.get(external_id=records[1]["universalId"])
    states = Delivery.objects.filter(call_id=late.pk).values_list("state", flat=True)
    # No goal is chosen: over that channel nothing would go in any case.
    assert sorted(states) == [DeliveryState.SKIPPED, DeliveryState.EXPIRED]
    crew.hire()
    seconds = stage.wait_settled()
    sent = [int(row["DateTime"]) for row in stage.sandbox.rows()]
    assert sent == [int(moments[2].timestamp())]
    assert Upload.objects.count() == 1
    result.fault = "calls of the future and of 22 days ago"
    result.measure(stage.balance(), seconds)
