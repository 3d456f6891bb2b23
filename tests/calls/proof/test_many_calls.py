"""Any number of calls and hits, against the sandbox's truth: by hand, not in the suite.

`PROOF_CALLS=100000 PROOF_HITS=1000000 ./test tests/calls/proof/test_many_calls.py -s`
"""

from __future__ import annotations

import os
import random
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, sending
from calls.models import Call, CallKey, Delivery, LinkProof, LogRequest, UnknownLogRow, Upload
from calls.proof import days, run
from calls.states import DeliveryState, IdKind
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.devtools.sandbox.actor import COUNTER, control

CALLS, HITS = (int(os.environ.get(name, "0")) for name in ("PROOF_CALLS", "PROOF_HITS"))
PLANTED = 50
#: Calls that are stored, and visits that are told to the sandbox, at once.
STEP = 5000
VISITOR = 1_764_000_000_000_000_000

pytestmark = pytest.mark.skipif(not CALLS, reason="by hand: PROOF_CALLS is not set")


def store_calls(counter: Counter) -> list[tuple[int, int]]:
    """Store waiting calls of the last hours; return (visitor, moment) of each."""
    now = timezone.now()
    rng, made = random.Random(16), []
    for start in range(0, CALLS, STEP):
        numbers = range(start, min(start + STEP, CALLS))
        moments = [now - timedelta(seconds=rng.randint(600, 30_000)) for _ in numbers]
        keys = CallKey.objects.bulk_create(
            CallKey(cabinet=counter.cabinet, external_id=f"many-{n}", partition_at=at)
            for n, at in zip(numbers, moments, strict=True)
        )
        calls = Call.objects.bulk_create(
            Call(
                id=key.pk,
                cabinet=counter.cabinet,
                external_id=key.external_id,
                partition_at=at,
                started_at=at,
                service_type="calltracking",
                kind="dynamic",
                duration_seconds=rng.randint(1, 900),
                hold_seconds=rng.choice([None, 3, 20]),
                status="success",
                is_finished=True,
                client_id=str(VISITOR + n // 2),  # each visitor calls twice
                raw={},
                content_hash="0",
                received_at=now,
                updated_at=now,
            )
            for n, key, at in zip(numbers, keys, moments, strict=True)
        )
        Delivery.objects.bulk_create(
            Delivery(
                call=one,
                partition_at=one.partition_at,
                cabinet=counter.cabinet,
                counter=counter,
                channel=1,
                state=DeliveryState.WAITING,
                id_kind=IdKind.CLIENT_ID,
                decided_at=now,
                settings_version=counter.version,
                not_before=now - timedelta(minutes=1),
                expires_at=one.started_at + timedelta(days=21),
            )
            for one in calls
        )
        made += [(int(one.client_id), int(one.started_at.timestamp())) for one in calls]
    return made


@pytest.mark.timeout(1800)
def test_many_calls_are_proved_as_they_were_linked(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    clock: time_machine.Traveller,
) -> None:
    Counter.objects.filter(pk=linked_counter.pk).update(link_proof=True)
    control(sandbox, "quotas", per_second=1000, logs_per_second=1000)
    control(sandbox, "logs", seconds=0)
    calls = store_calls(linked_counter)
    visits = [
        {"client_id": str(visitor), "started_at": at - 300}
        for visitor, at in calls
        if visitor % 3 and at % 2
    ]
    for start in range(0, len(visits), STEP):
        control(sandbox, "visits", counter=COUNTER, visits=visits[start : start + STEP])
    for _ in range(200):
        if not Delivery.objects.filter(state=DeliveryState.WAITING).exists():
            break
        clock.shift(timedelta(seconds=30))
        batching.build_uploads(now=timezone.now())
        sending.send_due(seconds=600)
    uploads = list(Upload.objects.with_metrika())
    for number in range(PLANTED):
        upload = uploads[number % len(uploads)]
        foreign = {
            "kind": "foreign",
            "moment": int(upload.newest_call_at.timestamp()) - number,
            "columns": {"ClientId": "77", "TalkDuration": "7"},
        }
        doubled = {"kind": "doubled"}
        planted = foreign if number % 2 else doubled
        control(sandbox, "hits/plant", counter=COUNTER, uploading_id=upload.uploading_id, **planted)
    day = timezone.now().date().isoformat()
    control(sandbox, "hits/fill", counter=COUNTER, day=day, count=HITS)
    clock.shift(timedelta(hours=19))

    days.plan(timezone.now())
    spent: dict[str, float] = {}
    for _ in range(60):
        clock.shift(timedelta(minutes=2))
        states = list(LogRequest.objects.open().values_list("state", flat=True))
        began = time_machine.escape_hatch.time.time()
        run.run_due(seconds=0)
        for state in states[:1]:
            spent[state] = spent.get(state, 0) + time_machine.escape_hatch.time.time() - began

    request = LogRequest.objects.get()
    print(request.result, request.hits, "hits; seconds:", spent)  # noqa: T201
    assert (request.state, request.error) == ("done", "")
    truth: dict[tuple[int, int, str], list[str]] = {}
    after = 0
    while rows := control(sandbox, f"truth?counter={COUNTER}&after={after}&limit=5000")["truth"]:
        for _row, uploading, _channel, identifier, moment, visit, _at in rows:
            truth.setdefault((uploading, moment, identifier), []).append(str(visit or ""))
        after = rows[-1][0]
    proofs = LinkProof.objects.values_list(
        "upload__uploading_id", "call__started_at", "call__client_id", "visit_id"
    )
    found: dict[tuple[int, int, str], list[str]] = {}
    for uploading, at, client, visit in proofs.iterator():
        found.setdefault((uploading or 0, int(at.timestamp()), client), []).append(visit)
    assert sum(map(len, found.values())) == CALLS
    wrong = [key for key, values in found.items() if sorted(values) != sorted(truth[key])]
    assert wrong == []
    unknown = UnknownLogRow.objects.values_list("count", flat=True)
    assert sum(unknown) == PLANTED
