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


def test_checks_and_the_record_open_with_the_keyboard(
    person: Person, page: Page, windows: Counter, cabinet: Cabinet
) -> None:
    call = make_call(cabinet=cabinet, raw={"callId": 7_001})
    make_delivery(call=call, counter=windows, upload=make_upload(counter=windows))
    skipped = {"state": DeliveryState.SKIPPED, "reason": "goal_not_set"}
    make_delivery(call=call, counter=windows, channel=Channel.GOAL, **skipped)
    page.goto(person.url + reverse("calls:journey", args=[call.pk]))
    decision = page.get_by_role("listitem").filter(has_text="Решено не отправлять")
    rule = decision.get_by_text("Не проверочный звонок")
    expect(rule).to_be_hidden()

    decision.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(rule).to_be_visible()
    page.get_by_role("link", name="Показать запись, как она пришла").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#record pre")).to_have_text('{\n  "callId": 7001\n}')
    # What was opened before stays open: only the record was loaded.
    expect(rule).to_be_visible()
    assert person.browser_errors == []
