"""The clock and a waiting delivery for the tests of the backlog."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine

from cabinets.models import Cabinet
from calls.models import Delivery
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery
from tests.calls.queries.backlog_rows import MINUTE, NOON


@pytest.fixture
def noon() -> Iterator[None]:
    """Stop the clock at `NOON`."""
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def waiting_delivery(cabinet: Cabinet, counter: Counter) -> Delivery:
    """A call that has waited longer than the maximum batch delay."""
    call = make_call(cabinet=cabinet)
    return make_delivery(call=call, counter=counter, not_before=NOON - 9 * MINUTE)
