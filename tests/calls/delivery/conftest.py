"""Fixtures of the tests of delivery."""

from __future__ import annotations

import pytest
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching
from calls.models import Upload
from counters.models import Counter
from tests import factories
from tests.calls.delivery.pausing import NEIGHBOUR
from tests.calls.stored import store_call


@pytest.fixture
def both(cabinet: Cabinet, linked_counter: Counter) -> Counter:
    """The linked counter and another one of its login, each with an upload that is ready."""
    factories.make_counter(account=linked_counter.account, number=NEIGHBOUR, name="Балконы")
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    assert Upload.objects.count() == 2
    return linked_counter
