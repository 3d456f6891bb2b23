"""The ledger in a browser: a click on the chart filters, the filter is saved and opened again."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import expect

from calls.states import DeliveryState
from counters.models import Counter
from tests.browser.conftest import OpenBrowser
from tests.calls.ledger import make_call, make_delivery

pytestmark = pytest.mark.django_db(transaction=True)


def test_click_on_the_chart_filters_and_the_filter_is_kept(
    open_browser: OpenBrowser, owner: User, counter: Counter
) -> None:
    skipped = {"state": DeliveryState.SKIPPED, "reason": "too_short"}
    for phone, row in (("+79161234501", {}), ("+79161234502", skipped)):
        call = make_call(cabinet=counter.cabinet, phone=phone)
        make_delivery(call=call, counter=counter, **row)
    person = open_browser(owner)
    page = person.page
    first, second = page.get_by_text("123-45-01"), page.get_by_text("123-45-02")

    page.goto(person.url + reverse("calls:list"))
    expect(first).to_be_visible()
    page.locator("svg a[href*='state=skipped'] rect").click()
    expect(second).to_be_visible()
    expect(first).to_have_count(0)
    expect(page.get_by_label("Состояние")).to_have_value("skipped")
    page.get_by_text("Сохранить отбор").click()
    page.get_by_label("Название отбора").fill("Короткие")
    page.get_by_role("button", name="Сохранить", exact=True).click()
    expect(page.get_by_text("Отбор «Короткие» сохранён.")).to_be_visible()
    page.goto(person.url + reverse("calls:list"))
    expect(first).to_be_visible()
    page.get_by_role("navigation", name="Мои отборы").get_by_text("Короткие").click()

    expect(first).to_have_count(0)
    expect(second).to_be_visible()
    page.reload()
    expect(second).to_be_visible()
    assert person.browser_errors == []
