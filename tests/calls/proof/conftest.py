from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses
import time_machine

from counters.models import Counter
from tests.calls.proof.stand import NOON, LogsApi


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def proved(counter: Counter) -> Counter:
    Counter.objects.filter(pk=counter.pk).update(link_proof=True)
    return Counter.objects.select_related("cabinet").get(pk=counter.pk)


@pytest.fixture
def logs(proved: Counter) -> Iterator[LogsApi]:
    api = LogsApi(proved.number, rows_per_part=4)
    with responses.mock:
        api.serve()
        yield api
