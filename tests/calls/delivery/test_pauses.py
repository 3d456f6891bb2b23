"""An error pauses the counter or login that it concerns, is shown, and affects no others."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching
from calls.models import Upload
from calls.states import UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.limits.quota_reset import JITTER, next_midnight
from tests.calls.delivery.pausing import (
    NEIGHBOUR,
    blocker,
    held,
    refresh_counters,
    send,
)
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import COUNTER, control


def test_lost_access_pauses_one_counter_until_the_refresh_finds_it_restored(
    both: Counter, sandbox: RunningSandbox, owner_client: Client
) -> None:
    change = f"people/okna-stolica/counters/{COUNTER}"
    control(sandbox, change, permission="view")

    send()
    send()

    assert held(sandbox) == {NEIGHBOUR: 1}
    assert "Доступ к счетчику потерян" in blocker(both)
    assert blocker(both) in owner_client.get("/lk/integrations").content.decode()

    control(sandbox, change, permission="own")
    refresh_counters(2)
    send()
    send()

    assert held(sandbox) == {COUNTER: 1, NEIGHBOUR: 1}


def test_a_counter_deleted_in_metrika_pauses_until_the_refresh_finds_it_restored(
    both: Counter, sandbox: RunningSandbox
) -> None:
    change = f"people/okna-stolica/counters/{COUNTER}"
    control(sandbox, change, status="Deleted")

    send()
    send()

    assert held(sandbox) == {NEIGHBOUR: 1}
    assert blocker(both) != ""

    control(sandbox, change, status="Active")
    refresh_counters(2)
    send()

    assert held(sandbox) == {COUNTER: 1, NEIGHBOUR: 1}


@pytest.mark.parametrize("change", [{"enabled": False}, {"removed_at": timezone.now()}])
def test_a_counter_switched_off_after_batching_sends_nothing(
    both: Counter, sandbox: RunningSandbox, change: dict[str, Any]
) -> None:
    Counter.objects.filter(pk=both.pk).update(**change)

    send()

    assert held(sandbox) == {NEIGHBOUR: 1}


@pytest.mark.contract("B9")
def test_an_error_inside_a_success_is_looked_up_and_never_split(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    body = '{"errors": [{"error_type": "invalid_uploading", "message": "bad"}], "code": 400}'
    for _ in range(2):
        store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    fault(sandbox, "garbage_200", body=body, match={"path_contains": "upload_calls"})

    send()

    assert Upload.objects.get().state == UploadState.UNCLEAR
    assert rows_in_metrika(sandbox) == []


@pytest.mark.contract("B11")
def test_the_spent_quota_of_a_counter_does_not_pause_others_of_its_login(
    cabinet: Cabinet,
    working_day: time_machine.Traveller,
    both: Counter,
    sandbox: RunningSandbox,
) -> None:
    midnight = next_midnight(timezone.now())
    limit = {"error_type": "quota_requests_by_counter_id", "times": None}
    about = {"match": {"path_contains": f"{COUNTER}/offline_conversions"}}
    fault(sandbox, "status_429", **limit, **about)

    send()
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    send()

    assert held(sandbox) == {NEIGHBOUR: 2}
    paused = Upload.objects.filter(counter=both)
    assert sum(paused.values_list("attempts", flat=True)) == 1
    waits = list(paused.values_list("not_before", flat=True))
    assert all(midnight <= until <= midnight + JITTER for until in waits)
    assert "Исчерпан лимит запросов Яндекса" in blocker(both)
    assert blocker(Counter.objects.get(number=NEIGHBOUR)) == ""
