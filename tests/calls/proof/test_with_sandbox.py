"""From a stored call to its proof, against the sandbox that knows what really happened."""

from __future__ import annotations

from collections import Counter as Tally
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, sending
from calls.models import LinkProof, LogRequest, UnknownLogRow, Upload
from calls.proof import days, run
from calls.states import LinkResult
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.sandbox_world import fault
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import COUNTER, control

MOSCOW = ZoneInfo("Europe/Moscow")
VISITOR = 1_764_000_000_000_000_000


@pytest.fixture
def sent(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    clock: time_machine.Traveller,
) -> list[Upload]:
    """Calls in two files; every second visitor was on the site before they called."""
    Counter.objects.filter(pk=linked_counter.pk).update(link_proof=True)
    now = timezone.now()
    calls = [(VISITOR + n, now - timedelta(minutes=10 + n)) for n in range(12)]
    visits = [
        {"client_id": str(visitor), "started_at": int(at.timestamp()) - 300}
        for visitor, at in calls[::2]
    ]
    control(sandbox, "visits", counter=COUNTER, visits=visits)
    control(sandbox, "logs", part_lines=50, seconds=0)
    control(sandbox, "quotas", per_second=1000, logs_per_second=1000)
    for place, (visitor, at) in enumerate(calls):
        kind = "static" if place == 11 else "dynamic"
        store_call(
            cabinet=cabinet,
            external_id=f"call-{place}",
            started_at=at,
            client_id=str(visitor),
            kind=kind,
        )
        if place == 5:
            deliver()
    deliver()
    return list(Upload.objects.order_by("pk"))


def deliver() -> None:
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)


def test_no_proof_is_wrong_and_every_planted_row_is_reported(
    sandbox: RunningSandbox, sent: list[Upload], clock: time_machine.Traveller
) -> None:
    first, second = sent[:2]
    call_at = int(first.oldest_call_at.timestamp())
    columns = {"ClientId": str(VISITOR + 99), "TalkDuration": "7"}
    for values in (
        {"uploading_id": first.uploading_id, "kind": "doubled"},
        {"uploading_id": second.uploading_id, "kind": "doubled"},
        {
            "uploading_id": first.uploading_id,
            "kind": "foreign",
            "moment": call_at,
            "columns": columns,
        },
    ):
        control(sandbox, "hits/plant", counter=COUNTER, **values)
    control(
        sandbox,
        "hits/fill",
        counter=COUNTER,
        day=first.oldest_call_at.date().isoformat(),
        count=100,
    )
    fault(sandbox, "logs_cut")
    night = timezone.now().astimezone(MOSCOW).replace(hour=4) + timedelta(days=1)
    # The sandbox runs in this process and has the same clock.
    clock.move_to(night)

    days.plan(timezone.now())
    for _ in range(30):
        clock.shift(timedelta(minutes=2))
        run.run_due(seconds=60)

    request = LogRequest.objects.get()
    assert (request.state, request.error) == ("done", "")
    truth = {
        (uploading, str(moment), identifier): visit
        for _row, uploading, _channel, identifier, moment, visit, _at in control(
            sandbox, f"truth?counter={COUNTER}&after=0&limit=1000"
        )["truth"]
    }
    proofs = LinkProof.objects.select_related("upload", "call")
    found = {
        (
            one.upload.uploading_id,
            str(int(one.call.started_at.timestamp())),
            "" if one.upload.is_static else one.call.client_id,
        ): one
        for one in proofs
    }
    assert len(found) == len(truth) == 12
    for key, visit in truth.items():
        proof = next(one for known, one in found.items() if known[:2] == key[:2])
        assert proof.visit_id == str(visit or ""), key
        assert proof.result == (LinkResult.LINKED if visit else LinkResult.NO_VISIT)
    assert Tally(one.result for one in found.values()) == {1: 6, 2: 6}
    kinds = UnknownLogRow.objects.order_by("kind").values_list("kind", "count")
    assert list(kinds) == [("doubled", 1), ("doubled", 1), ("foreign", 1)]
