"""The history of a counter in a browser."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import expect

from cabinets.models import Cabinet
from calls.pages import history_page
from calls.states import DeliveryState
from counters.models import Counter
from tests.browser.conftest import OpenBrowser
from tests.calls.ledger import make_call, make_delivery, make_upload

pytestmark = pytest.mark.django_db(transaction=True)

#: A line more than the usual 160 px: the number of an upload may be long.
PHONE_WIDTH, CARD_HEIGHT = 390, 182


def test_call_cards_of_the_history_are_short_on_a_phone(
    open_browser: OpenBrowser, owner: User, windows: Counter, cabinet: Cabinet
) -> None:
    upload = make_upload(counter=windows, rows=5)
    for row in range(1, 6):
        call = make_call(cabinet=cabinet)
        make_delivery(call=call, counter=windows, upload=upload, row_number=row)
        skipped = make_call(cabinet=cabinet)
        make_delivery(
            call=skipped, counter=windows, state=DeliveryState.SKIPPED, reason="too_short"
        )
    person = open_browser(owner, width=PHONE_WIDTH)

    person.page.goto(person.url + reverse("calls:history", args=[windows.pk]))

    rows = person.page.locator("#call-rows > tr")
    expect(rows).to_have_count(10)
    heights = rows.evaluate_all("rows => rows.map((row) => row.offsetHeight)")
    assert max(heights) <= CARD_HEIGHT
    expect(rows.first).to_contain_text("Разговор")


def test_totals_of_a_long_history_are_loaded_into_its_page(
    open_browser: OpenBrowser,
    owner: User,
    windows: Counter,
    cabinet: Cabinet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history_page, "MAX_COUNTED_AT_ONCE", 1)
    for _number in range(2):
        skipped = {"state": DeliveryState.SKIPPED, "reason": "too_short"}
        make_delivery(call=make_call(cabinet=cabinet), counter=windows, **skipped)
    person = open_browser(owner)
    opened: list[str] = []
    person.page.on("framenavigated", lambda frame: opened.append(frame.url))

    person.page.goto(person.url + reverse("calls:history", args=[windows.pk]))

    expect(person.page.locator(".totals__item")).to_have_text(["2 Не отправляется 100 %"])
    assert len(opened) == 1  # the page was not reloaded
    assert person.browser_errors == []
