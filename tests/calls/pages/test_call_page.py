"""The page of a call: which timelines are shown in full and which are folded to a line."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from calls.models import Call
from calls.states import Channel, DeliveryState, UploadState
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

FOLDED = '<details class="brief">'
UNFOLDED = '<details class="brief" open>'


@pytest.fixture
def call(counter: Counter) -> Call:
    return make_call(cabinet=counter.cabinet)


def skip(call: Call, counter: Counter, channel: Channel = Channel.CALLS) -> None:
    make_delivery(
        call=call,
        counter=counter,
        channel=channel,
        state=DeliveryState.SKIPPED,
        reason="too_short",
    )


def page_of(client: Client, call: Call) -> str:
    return client.get(reverse("calls:journey", args=[call.pk])).content.decode()


def test_skipped_delivery_is_folded_to_a_line_with_its_reason(
    owner_client: Client, counter: Counter, call: Call
) -> None:
    make_delivery(call=call, counter=counter, upload=make_upload(counter=counter))
    for _ in range(3):
        skip(call, factories.make_counter(account=counter.account))

    page = page_of(owner_client, call)

    assert page.count('<section class="panel" aria-labelledby="timeline-') == 1
    assert page.count(FOLDED) == 3
    assert page.count("Разговор короче, чем указано в настройке") >= 3


def test_only_delivery_of_a_call_is_unfolded(
    owner_client: Client, counter: Counter, call: Call
) -> None:
    skip(call, counter)

    page = page_of(owner_client, call)

    assert (page.count(UNFOLDED), page.count(FOLDED)) == (1, 0)


def test_delivery_that_was_in_a_file_is_never_folded(
    owner_client: Client, counter: Counter, call: Call
) -> None:
    upload = make_upload(counter=counter, state=UploadState.CANCELLED, uploading_id=None)
    make_delivery(call=call, counter=counter, upload=upload)
    skip(call, counter, Channel.GOAL)

    page = page_of(owner_client, call)

    assert page.count('<section class="panel" aria-labelledby="timeline-') == 1
    assert page.count(FOLDED) == 1
