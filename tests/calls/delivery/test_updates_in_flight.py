"""A call that changes while it is being sent is sent once, as frozen, and shown as changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import CallSource
from calls.delivery import batching, sending
from calls.ingest.parsing.record import read_records
from calls.ingest.store import store_calls
from calls.models import Call, Delivery, Upload, Way
from calls.runtime import failpoints
from calls.runtime.failpoints import Name
from calls.states import DeliveryState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests import factories
from tests.calls.sandbox_world import rows_in_metrika
from tests.calls.stored import row_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.contract("A3", "B2")]
Record = dict[str, Any]


def receive(source: CallSource, record: Record) -> Call:
    now = timezone.now()
    records = read_records([record], source_id=source.public_id, zone=None, now=now)
    store_calls(source=source, records=records, now=now, way=Way.API)
    return Call.objects.get()


def deliver() -> None:
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)


@pytest.fixture
def in_thread(linked_counter: Counter) -> Iterator[Callable[[Name, Callable[[], object]], Thread]]:
    """Runs an action in a thread of its own when delivery reaches a failpoint."""

    def at(name: Name, act: Callable[[], object]) -> Thread:
        def run() -> None:
            try:
                act()
            finally:
                connection.close()

        thread = Thread(target=run)

        def listen(reached: Name) -> None:
            if reached == name and thread.ident is None:
                thread.start()
                # Enough time to finish, unless it has to wait for our transaction.
                thread.join(timeout=1)

        failpoints.listener = listen
        return thread

    yield at
    failpoints.listener = None


@pytest.mark.parametrize(
    "name",
    [
        "before_batch_commit",
        "after_batch_commit",
        "after_claim",
        "before_request",
        "after_answer",
        "before_record_commit",
        "after_record",
    ],
)
def test_a_change_during_sending_is_stored_and_shown_but_not_sent(
    source: CallSource,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    owner_client: Client,
    in_thread: Callable[[Name, Callable[[], object]], Thread],
    name: Name,
) -> None:
    record = factories.v3_record(tags=["прежний"])
    call = receive(source, record)
    thread = in_thread(name, lambda: receive(source, record | {"tags": ["новый"]}))

    deliver()
    thread.join(timeout=60)
    deliver()

    assert not thread.is_alive()
    assert [row["Tag"] for row in rows_in_metrika(sandbox)] == ["прежний"]
    call.refresh_from_db()
    row = row_of(call)
    assert (call.revision, call.tags, row.call_revision) == (2, ["новый"], 1)
    assert (row.state, Upload.objects.count()) == (DeliveryState.BATCHED, 1)
    page = owner_client.get(reverse("calls:journey", args=[call.pk])).content.decode()
    assert "После отправки данные звонка изменились" in page


def test_a_change_before_batching_is_sent(
    source: CallSource, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    record = factories.v3_record(tags=["прежний"])
    receive(source, record)
    call = receive(source, record | {"tags": ["новый"]})

    deliver()

    assert [row["Tag"] for row in rows_in_metrika(sandbox)] == ["новый"]
    assert row_of(call).call_revision == 2


def test_a_call_excluded_after_batching_is_sent_as_it_was_decided(
    source: CallSource, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    record = factories.v3_record()
    receive(source, record)
    batching.build_uploads(now=timezone.now())

    receive(source, record | {"statusFirst": 15, "status": "fail"})
    deliver()

    assert len(rows_in_metrika(sandbox)) == 1
    assert Delivery.objects.filter(state=DeliveryState.BATCHED).count() == 1
