"""`kill -9` while a file is checked and stored."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from calls.models import Call, FileImport, Intake
from calls.ways.import_steps import CALLS_PER_STEP
from calls.ways.imports import orders
from tests import factories
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario

CALLS = CALLS_PER_STEP + 10
HEADER = "callTime;clientNumber;duration;site;yaClid;universalId"
#: Where a step was committed, and how many of its rows are counted then.
KILLS = [
    ("after_import_check_step", 1, CALLS_PER_STEP, 0),
    ("after_import_check", 1, CALLS, 0),
    ("before_import_commit", 2, CALLS, CALLS_PER_STEP),
    ("after_import_step", 1, CALLS, CALLS_PER_STEP),
    ("after_import_end", 1, CALLS, CALLS),
]


@pytest.mark.contract("B4")
@pytest.mark.parametrize(("point", "passage", "checked", "stored"), KILLS)
def test_worker_killed_while_a_file_is_imported_loses_and_doubles_nothing(
    scenario: Scenario,
    workers: WorkerProcesses,
    result: Result,
    point: str,
    passage: int,
    checked: int,
    stored: int,
) -> None:
    scenario.link()
    one = factories.make_import(source=scenario.source, data=_table())
    one.errors.all().delete()
    actor = factories.make_member(cabinet=scenario.source.cabinet)
    if stored or point == "before_import_commit":
        workers.start(task="run_imports").wait_dead()
        assert orders.start(one, is_sent=True, actor=actor, now=timezone.now())

    workers.start(task="run_imports", at=point, passage=passage).wait_dead()

    one.refresh_from_db()
    assert (one.checked, one.stored, Call.objects.count()) == (checked, stored, stored)
    # The lease of the dead worker runs out.
    FileImport.objects.filter(pk=one.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    workers.start(task="run_imports").wait_dead()
    one.refresh_from_db()
    if not stored:
        assert (one.state, one.valid, one.invalid) == ("checked", CALLS, 0)
        assert orders.start(one, is_sent=True, actor=actor, now=timezone.now())
        workers.start(task="run_imports").wait_dead()
        one.refresh_from_db()
    assert (one.state, one.created, one.duplicate, one.rejected) == ("done", CALLS, 0, 0)
    assert sum(Intake.objects.values_list("received", flat=True)) == CALLS
    workers.start()
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert balance.held == CALLS
    assert Call.objects.count() == CALLS
    assert not Call.objects.filter(revision__gt=1).exists()
    result.fault = f"kill -9 of an import in the cabinet at {point}, passage {passage}"
    result.measure(balance, seconds)


def _table() -> bytes:
    start = (timezone.now() - timedelta(hours=1)).isoformat()
    rows = [
        f"{start};79161234567;152;okna-stolica.example;{1_718_031_415_926_530_000 + 10 * n};{n}"
        for n in range(1, CALLS + 1)
    ]
    return "\n".join([HEADER, *rows]).encode()
