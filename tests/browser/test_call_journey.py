"""The page of one call in a browser."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from cabinets.models import Cabinet
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.journeys.person import Person

pytestmark = pytest.mark.django_db(transaction=True)


def test_collapsed_timeline_opens_with_the_keyboard(
    person: Person, page: Page, windows: Counter, cabinet: Cabinet
) -> None:
    call = make_call(cabinet=cabinet)
    make_delivery(call=call, counter=windows, upload=make_upload(counter=windows))
    skipped = {"state": DeliveryState.SKIPPED, "reason": "goal_not_set"}
    make_delivery(call=call, counter=windows, channel=Channel.GOAL, **skipped)
    page.goto(person.url + reverse("calls:journey", args=[call.pk]))
    decision = page.get_by_role("heading", name="Решено не отправлять")
    expect(decision).to_be_hidden()

    page.locator("summary", has_text="Окна Столица · Цель").focus()
    page.keyboard.press("Enter")

    expect(decision).to_be_visible()
    assert person.browser_errors == []
