"""What the page of a counter's history says of its rows."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from calls.states import Channel
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload

CHANGED = "Изменён после отправки"


@pytest.mark.parametrize(
    ("channel", "told", "untold"),
    [("", "Отправок: 4", "Звонков:"), (str(Channel.CALLS.value), "Звонков: 2", "Отправок:")],
)
def test_the_totals_name_what_they_count(
    owner_client: Client, counter: Counter, channel: str, told: str, untold: str
) -> None:
    for _ in range(2):
        call = make_call(cabinet=counter.cabinet)
        make_delivery(call=call, counter=counter)
        make_delivery(call=call, counter=counter, channel=Channel.GOAL)

    url = reverse("calls:history", args=[counter.pk])
    page = owner_client.get(url, {"channel": channel, "q": ""}).content.decode()

    assert told in page
    assert untold not in page


@pytest.mark.parametrize(("revision", "is_told"), [(1, False), (2, True)])
def test_a_call_that_changed_after_it_was_sent_is_marked(
    owner_client: Client, counter: Counter, revision: int, is_told: bool
) -> None:
    call = make_call(cabinet=counter.cabinet, revision=revision)
    upload = make_upload(counter=counter)
    make_delivery(call=call, counter=counter, upload=upload, call_revision=1)

    page = owner_client.get(reverse("calls:history", args=[counter.pk])).content.decode()

    assert (CHANGED in page) is is_told


def test_a_changed_call_that_was_never_gathered_is_not_marked(
    owner_client: Client, counter: Counter
) -> None:
    call = make_call(cabinet=counter.cabinet, revision=3)
    make_delivery(call=call, counter=counter, call_revision=None)

    page = owner_client.get(reverse("calls:history", args=[counter.pk])).content.decode()

    assert CHANGED not in page
