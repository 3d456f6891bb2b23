"""A bulk action by filter in a browser: the count, the order, its result, its undoing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from cabinets.models import Cabinet
from calls.models import Delivery
from calls.states import DeliveryState
from counters.models import Counter
from tests.browser.conftest import OpenBrowser
from tests.calls.ledger import make_call, make_delivery

pytestmark = pytest.mark.django_db(transaction=True)


def test_calls_of_a_filter_are_called_off_and_returned(
    open_browser: OpenBrowser, owner: User, configured_counter: Counter, cabinet: Cabinet
) -> None:
    windows = configured_counter
    for _number in range(3):
        later = {"not_before": timezone.now() + timedelta(days=1)}
        make_delivery(call=make_call(cabinet=cabinet), counter=windows, **later)
    make_delivery(call=make_call(cabinet=cabinet), counter=windows)
    person = open_browser(owner)
    page = person.page
    off = Delivery.objects.filter(state=DeliveryState.SKIPPED, reason="called_off")

    page.goto(f"{person.url}{reverse('calls:history', args=[windows.pk])}?state=held")
    page.get_by_role("link", name="Отменить отправку…").click()
    expect(page.get_by_text("Звонков: 3.")).to_be_visible()
    page.get_by_role("button", name="Отменить отправку").click()

    expect(page.get_by_role("heading", name="Выполнено")).to_be_visible()
    expect(page.get_by_text("Изменено: 3 из 3.")).to_be_visible()
    assert off.count() == 3

    page.get_by_role("button", name="Вернуть в очередь").click()

    expect(page.get_by_role("heading", name="Вернуть в очередь")).to_be_visible()
    expect(page.get_by_text("Изменено: 3 из 3.")).to_be_visible()
    assert off.count() == 0
    assert person.browser_errors == []
