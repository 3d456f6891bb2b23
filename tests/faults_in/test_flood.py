"""A source that floods the door is asked to wait; nobody else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from calls.models import Call
from tests import factories
from tests.faults.results import Result
from tests.faults.stage import Stage
from tests.faults_in.door import open_door, results

PER_MINUTE, BULK, REQUESTS = 600, 100, 10
OTHER_SECRET = "whsec_b3RoZXItc291cmNlLXNlY3JldC0wMTIzNDU2Nzg5"


@pytest.mark.contract("A9")
def test_flooding_source_waits_and_its_neighbour_does_not(
    stage: Stage, environment: dict[str, str], log: Path, result: Result
) -> None:
    neighbour = factories.make_source(
        cabinet=factories.make_cabinet(name="Сосед"), secret=OTHER_SECRET
    )
    told = environment | {"INGEST_CALLS_PER_MINUTE": str(PER_MINUTE)}
    with open_door(told, log) as door:
        flood = [
            door.post([factories.v3_record() for _ in range(BULK)], source=stage.source)
            for _ in range(REQUESTS)
        ]
        calm = [
            door.post([factories.v3_record()], source=neighbour, secret=OTHER_SECRET)
            for _ in range(REQUESTS)
        ]

    taken = [answer for answer in flood if answer.status_code == 202]
    refused = [answer for answer in flood if answer.status_code == 429]
    assert len(taken) + len(refused) == REQUESTS
    # The last one may overdraw the bucket, which in the meantime drips a little.
    assert PER_MINUTE // BULK <= len(taken) < REQUESTS
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
    assert {one["status"] for answer in calm for one in results(answer)} == {"created"}
    assert Call.objects.filter(source=stage.source).count() == len(taken) * BULK
    assert Call.objects.filter(source=neighbour).count() == REQUESTS
    result.fault = "one source floods: 429 with Retry-After; another one goes through"
    result.calls = Call.objects.count()
