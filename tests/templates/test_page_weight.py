"""Pages of a cabinet with 74 counters: how much travels, and how many elements it has."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.odd_values import undone

pytestmark = pytest.mark.django_db
COUNTERS = 74
MAX_BYTES = 60 * 1024
MAX_ELEMENTS = 2400
GZIP = {"accept-encoding": "gzip"}


class Elements(HTMLParser):
    """Counts what a browser makes of the tags."""

    count = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count += 1


def elements_of(html: str) -> int:
    parser = Elements()
    parser.feed(html)
    return parser.count


@pytest.fixture
def counters(cabinet: Cabinet) -> list[Counter]:
    """Seventy-four counters with calls of every day, each with texts of a usual length."""
    accounts = [factories.make_account(cabinet=cabinet, login=f"agency-{n}") for n in range(2)]
    made = []
    for number in range(COUNTERS):
        counter = factories.make_counter(
            account=accounts[number % 2],
            name=f"Окна Столица, филиал {number}",
            site=f"branch-{number}.okna-stolica.example",
            configured_at=timezone.now(),
        )
        made.append(counter)
        upload = make_upload(counter=counter, rows=20)
        for day in range(10):
            call = make_call(cabinet=cabinet, started_at=timezone.now() - timedelta(days=day))
            make_delivery(call=call, counter=counter, upload=upload, row_number=day + 1)
    return made


def make_big_call(counters: list[Counter], *, sent: int) -> int:
    """A call that was in files of some counters and that rules kept out of the others."""
    call = make_call(cabinet=counters[0].cabinet)
    for number, counter in enumerate(counters):
        for channel in Channel:
            if number < sent:
                upload = make_upload(counter=counter, channel=channel)
                make_delivery(call=call, counter=counter, channel=channel, upload=upload)
            else:
                make_delivery(
                    call=call,
                    counter=counter,
                    channel=channel,
                    state=DeliveryState.SKIPPED,
                    reason="too_short",
                )
    return call.pk


def make_own_call(counters: list[Counter]) -> int:
    """A call of the site of one counter, sent to it; the others have sites of their own."""
    for number, counter in enumerate(counters):
        Counter.objects.filter(pk=counter.pk).update(
            site_mode="own", site_host=f"branch-{number}.okna-stolica.example"
        )
    call = make_call(
        cabinet=counters[0].cabinet, site_host=f"branch-{COUNTERS - 1}.okna-stolica.example"
    )
    upload = make_upload(counter=counters[-1])
    make_delivery(call=call, counter=counters[-1], upload=upload)
    return call.pk


def measured(client: Client, url: str) -> tuple[int, int]:
    answer: Any = client.get(url, headers=GZIP)
    assert answer.status_code == 200
    assert answer.headers["Content-Encoding"] == "gzip"
    html = gzip.decompress(answer.content).decode()
    return len(answer.content), elements_of(html)


PAGES: dict[str, Callable[[list[Counter]], str]] = {
    "integrations": lambda _all: reverse("integrations:dashboard"),
    "list": lambda _all: reverse("counters:list"),
    "settings": lambda every: reverse("counters:settings", args=[every[0].pk]),
    "history": lambda every: reverse("calls:history", args=[every[0].pk]),
    "call": lambda every: reverse("calls:journey", args=[make_big_call(every, sent=2)]),
    "call of one site": lambda every: reverse("calls:journey", args=[make_own_call(every)]),
    "call sent everywhere": lambda every: reverse(
        "calls:journey", args=[make_big_call(every, sent=COUNTERS)]
    ),
}


#: Of every counter, so that its row in the list is the widest: a state and a button.
NEEDS_A_PERSON: tuple[dict[str, Any], ...] = (
    {"access": "lost"},
    {"stopped_cause": "goals_full"},
    {"configured_at": None},
    {"enabled": False, "goal": None},
)


def heavy(weights: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return the pages with too many bytes or elements."""
    return {
        page: (size, elements)
        for page, (size, elements) in weights.items()
        if size >= MAX_BYTES or elements >= MAX_ELEMENTS
    }


def test_pages_of_74_counters_are_light(counters: list[Counter], owner_client: Client) -> None:
    weights = {}
    for page, address in PAGES.items():
        with undone():
            weights[page] = measured(owner_client, address(counters))

    assert heavy(weights) == {}


def test_list_is_light_when_every_counter_needs_a_person(
    counters: list[Counter], owner_client: Client
) -> None:
    weights = {}
    for fields in NEEDS_A_PERSON:
        with undone():
            assert Counter.objects.update(**fields) == COUNTERS
            weights[str(fields)] = measured(owner_client, reverse("counters:list"))

    assert heavy(weights) == {}


def test_small_answer_and_browser_without_gzip_get_plain_pages(owner_client: Client) -> None:
    plain = owner_client.get(reverse("counters:list"))

    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
