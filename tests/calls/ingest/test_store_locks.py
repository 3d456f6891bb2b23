"""What waits for a request that is being stored, and what it waits for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import Delivery
from calls.states import DeliveryState
from counters.models import Counter
from counters.settings.save import save_settings
from tests import factories
from tests.calls.delivery.test_races import in_session
from tests.calls.ingest.storing import store
from tests.calls.locks import wait_for_lock

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = {"serviceType": "callback", "cbAttemptsQueue": [11, 12]}


def make_counter(cabinet: Cabinet, **fields: object) -> Counter:
    return factories.make_counter(account=factories.make_account(cabinet=cabinet), **fields)


def test_first_save_waits_for_a_request_that_is_being_stored(cabinet: Cabinet) -> None:
    source = factories.make_source(cabinet=cabinet)
    yesterday = timezone.now() - timedelta(days=1)
    counter = make_counter(cabinet, added_at=yesterday, configured_at=None)

    def save() -> None:
        save_settings(
            counter=counter,
            version=counter.version,
            values={},
            actor=None,
            now=timezone.now(),
            sends_waiting=True,
        )

    row = Delivery.objects.filter(channel=1)
    with transaction.atomic():
        store(source, factories.v3_record())
        saving = in_session(save)
        wait_for_lock()
        assert row.get().reason == "not_configured"
    saving.join(timeout=60)

    assert (row.get().state, row.get().reason) == (DeliveryState.WAITING, None)


def test_attempts_of_one_order_wait_for_each_other(cabinet: Cabinet) -> None:
    """Their calls are different ones: only the lock of the order keeps them apart."""
    source = factories.make_source(cabinet=cabinet)
    make_counter(cabinet)
    first, second = (
        factories.v3_record(**ORDER, cbCallId=10 + number, cbAttempt=number) for number in (1, 2)
    )

    with transaction.atomic():
        store(source, first)
        storing = in_session(lambda: store(source, second))
        wait_for_lock()
    storing.join(timeout=60)

    rows = Delivery.objects.filter(channel=1).order_by("call_id")
    assert [row.reason for row in rows] == ["not_last_attempt", None]


def test_save_of_a_configured_counter_does_not_wait(cabinet: Cabinet) -> None:
    source = factories.make_source(cabinet=cabinet)
    counter = make_counter(cabinet)

    with transaction.atomic():
        store(source, factories.v3_record())
        saving = in_session(lambda: Counter.objects.filter(pk=counter.pk).update(name="Другое имя"))
        saving.join(timeout=60)
        assert not saving.is_alive()
        assert Counter.objects.get().name == "Другое имя"
